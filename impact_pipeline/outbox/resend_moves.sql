-- What     lists the return of requests that a person has sent again
-- Reads    outbox.request
-- Writes   move
-- Grain    one row per request
-- Binds    $requests bigint[]; $thawed bigint[]: those of which impact.com provably has nothing; $reason varchar
insert into move by name
select request_id,
       state as from_state,
       'ready' as to_state,
       'resent' as reason,
       $reason as detail,
       list_contains($thawed::bigint[], request_id) as is_thawed
  from outbox.request
 where list_contains($requests::bigint[], request_id)
