-- What     the keys whose row may have changed: by news since the cursor, or because a time has come
-- Reads    setting, event_type, reconciliation.cursor, conversion_status, implied_rate and the tables compared
-- Writes   scoped (temporary)
-- Grain    one row per key
-- Binds    $slice_size integer: about how many keys are compared at a time, so that memory stays bounded
create or replace temp table scoped as
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
    select 'event/' || event_id from news),
claimed as (
    select event_id, key from requested where key in (select key from touched)
     union
    select event_id, key from decided where key in (select key from touched)),
claim as (
    -- All keys of an event that claims a key looked at: who owns a key can only be told with them in one slice.
    select event_id, key from requested where event_id in (select event_id from claimed)
     union
    select event_id, key from decided where event_id in (select event_id from claimed)),
straddling as (
    select distinct key
      from claim
     where event_id in (select event_id from claim group by event_id having count(*) > 1)),
size as (
    select greatest(1, ceil(count(*) / $slice_size))::bigint as slices from touched),
sliced as (
    select key,
           case when key in (select key from straddling) then 0 else hash(key) % slices end as slice
      from touched, size
     where key is not null
       and not starts_with(key, 'event/')),
event_row as (
    select key from touched where starts_with(key, 'event/')
     union
    select 'event/' || event_id from claimed)
select key, slice from sliced
 union all
select e.key, coalesce(min(case when c.key in (select key from straddling) then 0 else hash(c.key) % slices end), 0)
  from event_row as e
  left join claim as c on e.key = 'event/' || c.event_id
 cross join size
 group by e.key
