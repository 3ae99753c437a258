-- What     the current decisions on the events looked at
-- Reads    scope, decision_place, conversions.decision
-- Writes   own_decision (temporary)
-- Grain    one row per change and event
create or replace temp table own_decision as
with
decided as (
    select decision_id, change_id, object, Id, event, decision, reason, event_id, carries, event_at, EventTypeCode,
           OrderId, CurrencyCode, amount
      from conversions.decision
     where rowid in (select place from decision_place where event_id in (select event_id from scope)))
select d.*
  from decided as d
  -- As conversions.current_decision, which can not be asked for some events only without all others.
  anti join (select previous_decision_id as decision_id
               from conversions.decision
              where previous_decision_id in (select decision_id from decided)) as n using (decision_id)
