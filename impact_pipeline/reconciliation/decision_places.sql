-- What     where the decisions on events lie: found by one pass over one column, then read from there by every question
-- Reads    unplaced_event, conversions.decision
-- Writes   decision_place (temporary)
-- Grain    one row per decision
insert into decision_place
select rowid, event_id
  from conversions.decision
 where event_id in (from unplaced_event)
