-- What     lists that the conversions of a file which arrived are accepted
-- Reads    outbox.file, request
-- Writes   move
-- Grain    one row per request
-- Binds    $reason varchar
insert into move by name
select r.request_id,
       r.state as from_state,
       'accepted' as to_state,
       $reason as reason,
       f.name as detail,
       1 as attempts
  from outbox.file as f
  join outbox.request as r on r.group_id = f.name
 where f.state in ('uploaded', 'taken', 'settled')
   and r.state in ('intended', 'in_doubt')
