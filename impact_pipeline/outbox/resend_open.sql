-- What     lets the decisions be made anew whose conversions may follow the record and the mapping again
-- Reads    conversions.current_decision, outbox.request
-- Writes   conversions.open_decision
-- Grain    one row per decision
-- Binds    $thawed bigint[]
insert into conversions.open_decision
select d.decision_id, d.change_id, d.object, d.event, d.decision, d.event_id
  from conversions.current_decision as d
  join outbox.request as r on r.event_id = d.event_id
 where list_contains($thawed::bigint[], r.request_id)
   and d.carries
   and d.decision = 'send'
   and d.decision_id not in (select decision_id from conversions.open_decision)
