-- What     keeps which of the new decisions every cycle looks at again
-- Reads    conversions.decision
-- Writes   conversions.open_decision
-- Grain    one row per decision
-- Binds    $after bigint: the newest decision before this call
insert into conversions.open_decision
select decision_id, change_id, object, event, decision, event_id
  from conversions.decision
 where decision_id > $after
   and (decision = 'hold' or decision = 'send' and carries)
   and decision_id not in (select previous_decision_id
                             from conversions.decision
                            where decision_id > $after
                              and previous_decision_id is not null)
