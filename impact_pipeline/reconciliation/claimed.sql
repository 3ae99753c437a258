-- What     the events that claim a key looked at
-- Reads    setting, event_type, touched, outbox.request, conversions.decision
-- Writes   claimed_event (temporary)
-- Grain    one row per event
create or replace temp table claimed_event as
with
decided as (
    select decision_id, event_id, EventTypeCode, OrderId
      from conversions.decision
     where carries
       and rowid in (select rowid from conversions.decision where OrderId in (select OrderId from touched)))
select event_id
  from outbox.request
 where Type = 'Conversion'
   and rowid in (select rowid from outbox.request where OrderId in (select OrderId from touched))
   and CampaignId || '/' || ActionTrackerId || '/' || OrderId in (select key from touched)
 union
select d.event_id
  from decided as d
  -- As conversions.current_decision, which can not be asked for some events only without all others.
  anti join (select previous_decision_id as decision_id
               from conversions.decision
              where previous_decision_id in (select decision_id from decided)) as n using (decision_id)
  join event_type as t using (EventTypeCode), setting as s
 where s.campaign_id || '/' || t.ActionTrackerId || '/' || d.OrderId in (select key from touched)
