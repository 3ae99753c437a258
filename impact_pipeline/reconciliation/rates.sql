-- What     the rates at which impact.com converted, per day; those that nothing can have moved as they were
-- Reads    setting, rate_day, outbox.request, conversions.wanted, audit.action, reconciliation.implied_rate
-- Writes   rate (temporary)
-- Grain    one row per pair of currencies and day
create or replace temp table rate as
with
newest as (
    -- As audit.current_action, which can not be asked for some days only without looking at every action.
    select *
      from audit.action
     where action_id in (select a.action_id
                           from audit.action as a
                           join rate_day as d on d.Currency = a.Currency and d.day = a.CreationDate::date)
   qualify row_number() over (partition by action_id order by observed_at desc) = 1),
converted as (
    select r.CurrencyCode, a.Currency, a.CreationDate::date as day, a.Amount / r.amount as rate
      from newest as a
      join outbox.request as r
        on a.CampaignId = r.CampaignId and a.ActionTrackerId = r.ActionTrackerId and a.Oid = r.OrderId
     where r.Type = 'Conversion'
       and r.state in ('accepted', 'settled')
       and r.CurrencyCode <> a.Currency
       and r.amount > 0
       and a.Amount > 0
       and a.State <> 'REVERSED'
       and a.CreationDate is not null
       and r.event_id not in (select event_id from conversions.wanted))
select CurrencyCode, Currency, day, median(rate)::double as rate, count(*) as action_count
  from converted
  semi join rate_day using (Currency, day)
 group by all
 union all
select o.*
  from reconciliation.implied_rate as o
  anti join rate_day as d on d.Currency = o.Currency and d.day = o.day
 where not (select is_full from setting)
