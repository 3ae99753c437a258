-- What     appends the answers of the triggers that nothing else follows from
-- Reads    pair, moment, renamed
-- Writes   conversions.decision
-- Grain    one row per pair that is left out of fact
-- Binds    $config_hash varchar, $cycle_id varchar, $run_id varchar, $now timestamptz
insert into conversions.decision
       (change_id, object, Id, event, decision, reason, carries, event_at, config_hash, cycle_id, run_id, decided_at)
select f.change_id, f.object, f.Id, f.event, f.trigger_answer, f.trigger_reason, false, f.event_at,
       $config_hash, $cycle_id, $run_id, $now
  from ({answered}) as f
 where not f.is_weighed
