-- What     the events that are to be reported as things stand, and whether their body is frozen by an intent;
--          is_wanted false: taken back since it left, which is a correction's business
-- Reads    conversions.conversion, current_decision, wanted; changes.change; outbox.request
-- Writes   sendable (temporary)
-- Grain    one row per event
create or replace temp table sendable as
with
-- Deleted before it was told, and not brought back since.
deleted as (
    select d.event_id
      from conversions.current_decision as d
     where d.decision = 'correct'
       and d.reason = 'record_deleted'
       and not exists (
               select 1
                 from changes.change as c
                where c.object = d.object and c.Id = d.Id and c.kind = 'undeleted' and c.change_id > d.change_id)),
taken_back as (
    select event_id from deleted
     union
    select event_id from conversions.wanted where state = 'reversed')
select d.event_id,
       r.request_id,
       r.state,
       r.intended_at is not null as is_frozen,
       b.event_id is null as is_wanted
  from conversions.current_decision as d
  join conversions.conversion as c using (event_id)
  left join taken_back as b on b.event_id = d.event_id
  left join outbox.request as r on r.event_id = d.event_id and r.Type = 'Conversion'
 where d.carries
   and d.decision = 'send'
   and (b.event_id is null or r.state not in ('ready', 'withdrawn'))
qualify row_number() over (partition by d.event_id order by r.request_id desc) = 1
