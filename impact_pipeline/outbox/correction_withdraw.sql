-- What     lists the withdrawal of corrections that are no longer wanted, or wanted otherwise with a frozen body; a reversal
--          that was told once and shows late is in doubt instead, and reading says that it was carried out
-- Reads    correction
-- Writes   move
-- Grain    one row per request
insert into move by name
select open_id as request_id,
       'ready' as from_state,
       case when shows_late then 'in_doubt' else 'withdrawn' end as to_state,
       case when shows_late then 'found_there'
            else coalesce(left_out, case when Type is null then 'nothing_to_correct' else 'wanted_otherwise' end) end as reason
  from correction
 where open_id is not null
   and (Type is null
        or Type <> open_Type
        or (open_is_frozen and body is distinct from open_body))
