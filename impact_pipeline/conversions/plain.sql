-- What     appends the answers of the triggers that nothing else follows from
-- Reads    triggered
-- Writes   conversions.decision
-- Grain    one row per pair that is left out of fact
-- Binds    $object, $config_hash, $cycle_id, $run_id varchar, $now timestamptz
insert into conversions.decision
       (change_id, object, Id, event, decision, reason, carries, event_at, config_hash, cycle_id, run_id, decided_at)
select change_id, $object, Id, event, trigger_answer, trigger_reason, false, event_at,
       $config_hash, $cycle_id, $run_id, $now
  from triggered
 where not is_weighed
