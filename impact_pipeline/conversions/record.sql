-- What     appends the answers that are new or have changed
-- Reads    answer, open_pair
-- Writes   conversions.decision
-- Grain    one row per pair whose decision, reason, detail, person, identity, OrderId or amount is not the current one
-- Binds    $config_hash varchar, $cycle_id varchar, $run_id varchar, $now timestamptz
insert into conversions.decision
       (change_id, object, Id, event, decision, reason, detail, event_key, event_id, entry, carries, event_at,
        EventTypeCode, OrderId, CurrencyCode, amount, cut, config_hash, cycle_id, run_id, decided_by,
        decided_at, previous_decision_id)
select a.change_id, a.object, a.Id, a.event, a.decision, a.reason, a.detail, a.event_key, a.event_id, a.entry,
       a.carries, a.event_at, a.EventTypeCode, a.OrderId, a.CurrencyCode, a.amount, a.cut,
       $config_hash, $cycle_id, $run_id, a.decided_by, $now, d.decision_id
  from answer as a
  left join open_pair as d using (change_id, event)
 where d.change_id is null
    or (a.decision, a.reason, a.detail, a.decided_by, a.event_id, a.OrderId, a.amount)
       is distinct from (d.decision, d.reason, d.detail, d.decided_by, d.event_id, d.OrderId, d.amount)
 order by a.event_at, a.change_id, a.event
