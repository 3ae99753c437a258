-- What     all keys of the events that claim a key looked at: who owns a key can only be told with them in one slice
-- Reads    setting, event_type, touched, outbox.request, conversions.decision
-- Writes   claim (temporary)
-- Grain    one row per event and key
create or replace temp table claim as
with
-- What conversions.current_decision leaves out; the view can not be asked for some events only without all others.
superseded as (
    select previous_decision_id as decision_id
      from conversions.decision
     where previous_decision_id is not null),
request_found as (
    select event_id, CampaignId || '/' || ActionTrackerId || '/' || OrderId as key
      from (select * from outbox.request where OrderId in (select OrderId from touched))
     where Type = 'Conversion'),
decision_found as (
    select event_id, EventTypeCode, OrderId
      from (select * from conversions.decision where OrderId in (select OrderId from touched)) as d
      anti join superseded as n using (decision_id)
     where carries),
claimed as (
    select event_id from request_found where key in (select key from touched)
     union
    select d.event_id
      from decision_found as d
      join event_type as t using (EventTypeCode), setting as s
     where s.campaign_id || '/' || t.ActionTrackerId || '/' || d.OrderId in (select key from touched))
select event_id, CampaignId || '/' || ActionTrackerId || '/' || OrderId as key
  from (select * from outbox.request where event_id in (from claimed))
 where Type = 'Conversion'
 union
select d.event_id, s.campaign_id || '/' || t.ActionTrackerId || '/' || d.OrderId
  from (select * from conversions.decision where event_id in (from claimed)) as d
  anti join superseded as n using (decision_id)
  join event_type as t using (EventTypeCode), setting as s
 where d.carries
