-- What     the events that are to be reported as things stand, and whether their body is frozen by an intent
-- Reads    conversions.conversion, current_decision, wanted; outbox.request
-- Writes   sendable (temporary)
-- Grain    one row per event
create or replace temp table sendable as
select d.event_id,
       r.request_id,
       r.state,
       r.intended_at is not null as is_frozen
  from conversions.current_decision as d
  join conversions.conversion as c using (event_id)
  left join conversions.wanted as w using (event_id)
  left join outbox.request as r on r.event_id = d.event_id and r.Type = 'Conversion'
 where d.carries
   and d.decision = 'send'
   -- Taken back before it was told: there is nothing to tell.
   and not (w.state is not distinct from 'reversed'
            and (r.state is null or r.state in ('ready', 'withdrawn')))
qualify row_number() over (partition by d.event_id order by r.request_id desc) = 1
