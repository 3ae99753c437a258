-- What     lists the withdrawal of corrections that are no longer wanted, or wanted otherwise with a frozen body
-- Reads    correction
-- Writes   move
-- Grain    one row per request
insert into move by name
select open_id as request_id,
       'ready' as from_state,
       'withdrawn' as to_state,
       coalesce(left_out, case when Type is null then 'nothing_to_correct' else 'wanted_otherwise' end) as reason
  from correction
 where open_id is not null
   and (Type is null
        or Type <> open_Type
        or (open_is_frozen and body is distinct from open_body))
