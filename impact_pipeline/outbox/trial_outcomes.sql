-- What     what became of each change of an invented record, and the body that would leave
-- Reads    changes.change, conversions.current_decision, outbox.request
-- Grain    one row per change and event, in order of time
select d.object, d.Id, d.event, d.decision, d.reason, d.detail, d.cut, r.payload
  from conversions.current_decision as d
  join changes.change as c using (change_id)
  left join outbox.request as r on r.event_id = d.event_id and r.Type = 'Conversion' and d.decision = 'send' and d.carries
 order by c.occurred_at, c.change_id, d.event
