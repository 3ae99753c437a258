-- What     the moves of those requests
-- Reads    outbox.request
-- Writes   audit.transition
-- Grain    one row per request and state
-- Binds    $after bigint: the newest request before them; $now timestamptz
insert into audit.transition (request_id, from_state, to_state, outcome, run_id, moved_at)
select request_id, before, state, case when state = 'settled' then outcome end, 'run', $now
  from (select request_id, outcome from outbox.request where request_id > $after),
       (values (null, 'ready'), ('ready', 'intended'), ('intended', 'accepted'), ('accepted', 'settled'))
           as t(before, state)
 order by request_id
