-- What     the events that current decisions want sent, or hold, each with the key that it owns or a row of its own
-- Reads    setting, event_type, scope, conversion_request, own_decision, own_amount
-- Writes   expected (temporary)
-- Grain    one row per event under a key looked at
create or replace temp table expected as
with
carrier as (
    select d.event_id, d.object, d.Id, d.event, d.decision, d.reason, d.EventTypeCode, d.event_at,
           t.ActionTrackerId,
           d.OrderId,
           d.decision_id > s.queued_until as is_queued_next,
           s.campaign_id || '/' || t.ActionTrackerId || '/' || d.OrderId as decided_key,
           coalesce(c.amount, d.amount) as amount,
           coalesce(c.CurrencyCode, d.CurrencyCode) as CurrencyCode
      from own_decision as d
      left join event_type as t using (EventTypeCode)
      left join own_amount as c using (event_id)
     cross join setting as s
     where d.carries
       and d.decision in ('send', 'hold')
   qualify row_number() over (partition by d.event_id order by d.decision_id desc) = 1),
claimed as (
    select c.*, r.request_id,
           r.state <> 'withdrawn' as is_requested,
           coalesce(r.key, c.decided_key) as natural_key
      from carrier as c
      left join conversion_request as r on r.event_id = c.event_id and r.stands_for_event),
ranked as (
    select c.*,
           k.event_id as standing_event_id,
           row_number() over (
               partition by c.natural_key
               order by coalesce(c.is_requested, false) desc,
                        c.request_id desc nulls last,
                        c.decision = 'send' desc,
                        c.reason = 'order_id_collision',
                        c.event_at,
                        c.event_id) as place
      from claimed as c
      left join conversion_request as k
        on k.key = c.natural_key and k.stands_for_key and k.state <> 'withdrawn')
select case
           when natural_key is null or place > 1 or standing_event_id <> event_id then 'event/' || event_id
           else natural_key
       end as key,
       * exclude (decided_key, natural_key, standing_event_id, place)
  from ranked
 where key in (select key from scope)
