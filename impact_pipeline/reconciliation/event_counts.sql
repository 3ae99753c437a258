-- What     what each event looked at counts for in the totals, from its sources: the decision that carries it, its request
-- Reads    setting, event_type, news_event, conversions.decision, conversions.conversion, outbox.request
-- Writes   event_count (temporary)
-- Grain    one row per event that is expected or was sent
-- Rules    nothing comes from conversion_status: a key lost or doubled in the join shows as a difference
create or replace temp table event_count as
with
request as (
    select r.event_id, r.EventTypeCode, r.ActionTrackerId, r.amount, r.state,
           coalesce(r.CurrencyCode, s.currency) as CurrencyCode,
           date_trunc('month', coalesce(r.EventDate::timestamptz, r.event_at) at time zone s.time_zone)::date as month
      from (select * from outbox.request where event_id in (from news_event)) as r
     cross join setting as s
     where r.Type = 'Conversion'
   qualify row_number() over (partition by r.event_id order by r.state = 'withdrawn', r.request_id desc) = 1),
carrier as (
    select d.event_id, d.EventTypeCode, t.ActionTrackerId,
           coalesce(c.amount, d.amount) as amount,
           coalesce(c.CurrencyCode, d.CurrencyCode, s.currency) as CurrencyCode,
           date_trunc('month', d.event_at at time zone s.time_zone)::date as month
      from (select * from conversions.decision where event_id in (from news_event)) as d
      -- As conversions.current_decision, which can not be asked for some events only without all others.
      anti join (select previous_decision_id as decision_id
                   from conversions.decision
                  where previous_decision_id is not null) as n using (decision_id)
      left join event_type as t using (EventTypeCode)
      left join conversions.conversion as c using (event_id)
     cross join setting as s
     where d.carries
       and d.decision in ('send', 'hold')),
counted as (
    select event_id, EventTypeCode, ActionTrackerId, month, CurrencyCode,
           1 as expected_count, amount as expected_amount, 0 as sent_count, 0 as sent_amount
      from carrier
      anti join request using (event_id)
     union all
    select r.event_id, r.EventTypeCode, r.ActionTrackerId, r.month, r.CurrencyCode,
           1, r.amount, 0, 0
      from carrier as c
      join request as r using (event_id)
     union all
    select event_id, EventTypeCode, ActionTrackerId, month, CurrencyCode,
           0, 0, 1, amount
      from request
     where state in ('accepted', 'in_doubt', 'settled', 'refused'))
select event_id, EventTypeCode, ActionTrackerId, month, CurrencyCode,
       sum(expected_count)::bigint as expected_count,
       coalesce(sum(expected_amount), 0)::decimal(38, 2) as expected_amount,
       sum(sent_count)::bigint as sent_count,
       coalesce(sum(sent_amount), 0)::decimal(38, 2) as sent_amount
  from counted
 group by all
