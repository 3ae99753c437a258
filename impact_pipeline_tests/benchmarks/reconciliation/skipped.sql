-- What     changes that nothing followed from: two for each event
-- Writes   conversions.decision
-- Grain    one row per change
-- Binds    $first, $last bigint: the numbers of the events; $now timestamptz
insert into conversions.decision
       (change_id, object, Id, event, decision, reason, carries, event_at, config_hash, cycle_id, run_id, decided_at)
select 1000000000 + 2 * i + k, 'Opportunity', format('006am{:010d}AAA', i), 'won', 'skip', 'not_watched', false, $now,
       'config', 'cycle', 'run', $now
  from range($first, $last + 1) as t(i), range(2) as u(k)
