-- What     says of each ready request whether it may go now, and if not, what it waits for
-- Reads    outbox.request, conversions.conversion, current_word
-- Writes   due (temporary)
-- Grain    one row per ready request that no person holds and whose body is not about to change; wait null: it may go;
--          place: order of sending
-- Binds    $event_types json, $now timestamptz, $parent_gap interval, $parent_wait interval
create or replace temp table due as
with
event_type as (
    select unnest(from_json($event_types::json, '[{"code": "VARCHAR", "parents": ["VARCHAR"], "depth": "INTEGER"}]'),
                  recursive := true)),
ready as (
    select r.*, t.parents, coalesce(t.depth, 0) as depth
      from outbox.request as r
      left join event_type as t on t.code = r.EventTypeCode
     where r.state = 'ready'
       and not (r.Type = 'Conversion'
                and r.event_id in (select event_id from conversions.current_word where word in ('hold', 'dismiss')))
       -- Mapped anew, and not queued anew yet: what would leave is not what conversions.* says, and nobody would know.
       and not exists (
               select 1
                 from conversions.conversion as c
                where r.Type = 'Conversion' and r.intended_at is null and c.event_id = r.event_id
                  and c.OrderId = r.OrderId and c.EventTypeCode = r.EventTypeCode
                  and c.content_md5 is distinct from r.content_md5)),
conversion as (
    select CampaignId, EventTypeCode, CustomerId, request_id, state, outcome, settled_at
      from outbox.request
     where Type = 'Conversion'
       and state <> 'withdrawn'),
-- A type is proven when one of its conversions went all the way; until then they go one at a time.
type_state as (
    select CampaignId, EventTypeCode,
           bool_or(state = 'settled' and outcome in ('credited', 'not_credited', 'already_there', 'end_unknown')) as is_proven,
           bool_or(state in ('intended', 'accepted', 'in_doubt')) as is_busy
      from conversion
     group by all),
child as (
    select request_id, CampaignId, CustomerId, unnest(parents) as parent
      from ready
     where Type = 'Conversion'
       and CustomerId is not null),
held_up as (
    select distinct c.request_id
      from child as c
      join conversion as p
        on p.CampaignId = c.CampaignId and p.CustomerId = c.CustomerId and p.EventTypeCode = c.parent
     where p.request_id <> c.request_id
       and (p.state <> 'settled' or p.settled_at > $now - $parent_gap)),
said as (
    select r.request_id, r.Type, r.CampaignId, r.EventTypeCode, r.event_at, r.depth,
           coalesce(s.is_proven, false) as is_proven,
           coalesce(s.is_busy, false) as is_busy,
           case when r.payload is null then 'awaiting_action'
                when r.due_at > $now then coalesce(r.wait, 'backing_off')
                when h.request_id is null then null
                when $now - r.created_at < $parent_wait then 'awaiting_parent'
                when not r.has_click_id then 'parent_unsettled' end as wait
      from ready as r
      left join type_state as s using (CampaignId, EventTypeCode)
      left join held_up as h using (request_id)),
lined_up as (
    select *,
           row_number() over (
               partition by Type = 'Conversion', CampaignId, EventTypeCode, wait is null
               order by event_at, request_id) as place_in_type
      from said)
select request_id, Type,
       case when wait is not null then wait
            when Type = 'Conversion' and not is_proven and (is_busy or place_in_type > 1) then 'first_of_type'
            end as wait,
       -- One of each event type in turn, parents first, so that no type waits for a flood of another.
       row_number() over (order by place_in_type, depth, event_at, request_id) as place
  from lined_up
