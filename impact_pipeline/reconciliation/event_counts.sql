-- What     what each of those events counts for in the totals, from its sources: the decision that carries it, its request
-- Reads    setting, event_type, countable, own_decision, own_amount, own_request
-- Writes   event_count (temporary)
-- Grain    one row per event that is expected or was sent
-- Rules    nothing comes from conversion_status: a key lost or doubled in the join shows as a difference
create or replace temp table event_count as
with
request as (
    select r.event_id, r.EventTypeCode, r.ActionTrackerId, r.amount, r.state,
           coalesce(r.CurrencyCode, s.currency) as CurrencyCode,
           date_trunc('month', coalesce(r.EventDate::timestamptz, r.event_at) at time zone s.time_zone)::date as month
      from own_request as r
     cross join setting as s
     where r.event_id in (from countable)
       and r.request_id in (select coalesce(max(request_id) filter (state <> 'withdrawn'), max(request_id))
                              from own_request
                             where Type = 'Conversion'
                             group by event_id)),
carrier as (
    select d.event_id, d.EventTypeCode, t.ActionTrackerId,
           coalesce(c.amount, d.amount) as amount,
           coalesce(c.CurrencyCode, d.CurrencyCode, s.currency) as CurrencyCode,
           date_trunc('month', d.event_at at time zone s.time_zone)::date as month
      from own_decision as d
      left join event_type as t using (EventTypeCode)
      left join own_amount as c using (event_id)
     cross join setting as s
     where d.carries
       and d.event_id in (from countable)
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
       coalesce(sum(expected_amount), 0)::decimal(18, 2) as expected_amount,
       sum(sent_count)::bigint as sent_count,
       coalesce(sum(sent_amount), 0)::decimal(18, 2) as sent_amount
  from counted
 group by all
