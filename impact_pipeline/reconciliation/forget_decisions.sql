-- What     answers what is held, or is to be sent and has not left, for good
-- Reads    conversions.current_decision, outbox.request
-- Writes   conversions.decision
-- Grain    one row per change and event
-- Binds    $object, $id, $run_id, $said_by varchar, $now timestamptz
insert into conversions.decision by name
with
told as (
    select event_id
      from outbox.request
     where object = $object
       and Id = $id
       and Type = 'Conversion'
       and state not in ('ready', 'withdrawn'))
select change_id, object, Id, event, 'skip' as decision, 'dismissed' as reason, 'forgotten on request' as detail,
       event_key, event_id, entry, carries, event_at, EventTypeCode, OrderId, CurrencyCode, amount,
       config_hash, cycle_id, $run_id as run_id, $said_by as decided_by, $now as decided_at,
       decision_id as previous_decision_id
  from conversions.current_decision
 where object = $object
   and Id = $id
   and (decision = 'hold' or decision = 'send' and event_id not in (from told))
