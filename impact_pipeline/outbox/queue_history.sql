-- What     tells that requests were queued
-- Reads    outbox.request
-- Writes   audit.transition
-- Grain    one row per request that is newer than $newest
-- Binds    $run_id varchar, $now timestamptz, $newest bigint
insert into audit.transition (request_id, from_state, to_state, reason, run_id, moved_at)
select request_id, null, state, 'queued', $run_id, $now
  from outbox.request
 where request_id > $newest
 order by request_id
