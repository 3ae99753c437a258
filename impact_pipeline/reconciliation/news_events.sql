-- What     the events with news since the cursor
-- Reads    seen, conversions.decision, conversions.wanted, outbox.request, audit.transition
-- Writes   news_event (temporary)
-- Grain    one row per event
create or replace temp table news_event as
with
decided as (
    select event_id, previous_decision_id from conversions.decision where decision_id > (select decision_id from seen))
select event_id from decided where event_id is not null
 union
-- A change of mind may have moved on to another event.
select event_id
  from conversions.decision
 where decision_id in (select previous_decision_id from decided)
   and event_id is not null
 union
select event_id from conversions.wanted where wanted_at >= (select wanted_at from seen)
 union
select event_id
  from outbox.request
 where request_id in (select request_id from audit.transition
                       where transition_id > (select transition_id from seen))
