-- What     lets what a change means for a reported event replace the answer of its trigger
-- Reads    correction
-- Writes   answer (temporary)
-- Grain    one row per pair in correction
update answer as a
   set decision = c.decision, reason = c.reason, event_id = c.event_id, carries = false,
       detail = c.detail, decided_by = c.decided_by,
       amount = case when c.decision = 'correct' or c.reason = 'mass_change' then c.told_amount end
  from correction as c
 where a.change_id = c.change_id
   and a.event = c.event
