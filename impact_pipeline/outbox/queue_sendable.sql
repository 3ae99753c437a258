-- What     the events that are to be reported as things stand and of which nothing has left, or nothing that is still
--          under way or has an end; and whether their body is frozen by an intent;
--          is_wanted false: taken back since it left, which is a correction's business
-- Reads    conversions.conversion, decision, wanted; changes.change; outbox.request
-- Writes   sendable (temporary)
-- Grain    one row per event
create or replace temp table sendable as
with
waiting as (
    select event_id
      from outbox.request
     where Type = 'Conversion'
       and (state in ('ready', 'withdrawn') or outcome = 'no_trace')),
-- All others have been told, or are being told.
candidate as (
    select event_id
      from conversions.conversion
     where event_id not in (select event_id
                              from outbox.request
                             where Type = 'Conversion'
                               and not (state in ('ready', 'withdrawn') or coalesce(outcome = 'no_trace', false)))
     union
    select event_id from waiting),
request as (
    select event_id, request_id, state, intended_at
      from outbox.request
     where Type = 'Conversion'
       and rowid in (select rowid from outbox.request where event_id in (from candidate))),
decided as (
    select decision_id, change_id, object, Id, event_id, decision, reason, carries
      from conversions.decision
     where rowid in (select rowid from conversions.decision where event_id in (from candidate))),
current_decision as (
    -- As conversions.current_decision, which can not be asked for some events only without all others.
    select d.*
      from decided as d
      anti join (select previous_decision_id as decision_id
                   from conversions.decision
                  where previous_decision_id in (select decision_id from decided)) as n using (decision_id)),
-- Deleted before it was told, and not brought back since.
deleted as (
    select d.event_id
      from current_decision as d
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
  from current_decision as d
  semi join (select event_id from conversions.conversion where event_id in (from candidate)) as c using (event_id)
  left join taken_back as b on b.event_id = d.event_id
  left join request as r on r.event_id = d.event_id
 where d.carries
   and d.decision = 'send'
   and (b.event_id is null or r.state not in ('ready', 'withdrawn'))
qualify row_number() over (partition by d.event_id order by r.request_id desc) = 1
