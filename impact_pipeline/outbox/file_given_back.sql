-- What     lists that the conversions of a file are ready again, because it provably did not leave
-- Reads    outbox.request
-- Writes   move
-- Grain    one row per request
-- Binds    $name varchar, $reason varchar
insert into move by name
select request_id, 'intended' as from_state, 'ready' as to_state, $reason as reason
  from outbox.request
 where group_id = $name
   and state = 'intended'
