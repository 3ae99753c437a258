-- What     the keys whose row may have changed: by news since the cursor, or because a time has come
-- Reads    setting, event_type, reconciliation.cursor, conversion_status, implied_rate and the tables compared
-- Writes   scope (temporary)
-- Grain    one row per key
create or replace temp table scope as
with
seen as (
    select decision_id, transition_id, action_count,
           coalesce(observed_at, '-infinity') as observed_at,
           coalesce(wanted_at, '-infinity') as wanted_at
      from reconciliation.cursor
     where not (select is_full from setting)
     union all
    select -1, -1, -1, '-infinity'::timestamptz, '-infinity'::timestamptz
      from setting
     where is_full),
due as (
    select s.key, s.event_id
      from reconciliation.conversion_status as s, setting as t
     where t.is_full
        or s.next_look_at <= t.now
        or s.state in ('ready', 'intended', 'accepted', 'in_doubt')
        or s.class = 'correction_open'
     union all
    select s.key, s.event_id
      from reconciliation.conversion_status as s
      join changed_rate as c using (CurrencyCode)
      join audit.action as a on list_contains(s.action_ids, a.action_id) and a.Currency = c.Currency
     where a.CreationDate::date between c.day - 3 and c.day + 3),
news as (
    select event_id from conversions.current_decision where decision_id > (select decision_id from seen)
     union
    select event_id from conversions.wanted where wanted_at >= (select wanted_at from seen)
     union
    select r.event_id
      from outbox.request as r
     where r.request_id in (select request_id from audit.transition
                             where transition_id > (select transition_id from seen))
     union
    select event_id from due),
requested as (
    select event_id, CampaignId || '/' || ActionTrackerId || '/' || OrderId as key
      from outbox.request
     where Type = 'Conversion'),
decided as (
    select d.event_id, s.campaign_id || '/' || t.ActionTrackerId || '/' || d.OrderId as key
      from conversions.current_decision as d
      join event_type as t using (EventTypeCode), setting as s
     where d.carries),
decided_ever as (
    -- An event may leave a key: the row of the old one changes too.
    select s.campaign_id || '/' || t.ActionTrackerId || '/' || d.OrderId as key
      from conversions.decision as d
      join event_type as t using (EventTypeCode), setting as s
     where d.carries
       and d.event_id in (select event_id from news)),
touched as (
    select key from due
     union
    select key from requested where event_id in (select event_id from news)
     union
    select key from decided_ever
     union
    select key from reconciliation.conversion_status where event_id in (select event_id from news)
     union
    select coalesce(CampaignId || '/' || ActionTrackerId || '/' || nullif(Oid, ''), 'action/' || action_id)
      from audit.action
     where observed_at >= (select observed_at from seen)
       and (select count(*) from audit.action) > (select action_count from seen)
     union
    select 'event/' || event_id from news)
select key from touched where key is not null
 union
select 'event/' || event_id from requested where key in (select key from touched)
 union
select 'event/' || event_id from decided where key in (select key from touched)
