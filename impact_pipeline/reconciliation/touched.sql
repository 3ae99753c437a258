-- What     the keys whose row may have changed
-- Reads    setting, event_type, due, news_event, news_action, request_place, decision_place, outbox.request,
--          conversions.decision
-- Writes   touched (temporary)
-- Grain    one row per key; OrderId: the part of the key by which it can be looked up
create or replace temp table touched as
with
decided as (
    -- An event may leave a key: the row of the old one changes too. No row of an event has another key than these.
    select distinct EventTypeCode, OrderId
      from conversions.decision
     where carries
       and rowid in (select place from decision_place)),
found as (
    select key from due
     union
    select CampaignId || '/' || ActionTrackerId || '/' || OrderId
      from outbox.request
     where Type = 'Conversion'
       and rowid in (select place from request_place)
     union
    select s.campaign_id || '/' || t.ActionTrackerId || '/' || d.OrderId
      from decided as d
      join event_type as t using (EventTypeCode), setting as s
     union
    select key from news_action
     union
    select 'event/' || event_id from news_event
     union
    select 'event/' || event_id from due)
select key,
       nullif(key[length(split_part(key, '/', 1)) + length(split_part(key, '/', 2)) + 3:], '') as OrderId
  from found
 where key is not null
