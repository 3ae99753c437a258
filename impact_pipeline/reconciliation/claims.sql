-- What     all keys of the events that claim a key looked at: who owns a key can only be told with them in one slice
-- Reads    setting, event_type, claimed_event, request_place, decision_place, outbox.request, conversions.decision
-- Writes   claim (temporary)
-- Grain    one row per event and key
create or replace temp table claim as
with
decided as (
    select decision_id, event_id, EventTypeCode, OrderId
      from conversions.decision
     where carries
       and rowid in (select place from decision_place where event_id in (from claimed_event)))
select event_id, CampaignId || '/' || ActionTrackerId || '/' || OrderId as key
  from outbox.request
 where Type = 'Conversion'
   and rowid in (select place from request_place where event_id in (from claimed_event))
 union
select d.event_id, s.campaign_id || '/' || t.ActionTrackerId || '/' || d.OrderId
  from decided as d
  -- As conversions.current_decision, which can not be asked for some events only without all others.
  anti join (select previous_decision_id as decision_id
               from conversions.decision
              where previous_decision_id in (select decision_id from decided)) as n using (decision_id)
  join event_type as t using (EventTypeCode), setting as s
