-- What     the rates at which impact.com converted, per day, and which of them are new
-- Reads    setting, outbox.request, conversions.wanted, audit.current_action, reconciliation.implied_rate
-- Writes   rate (temporary)
-- Grain    one row per pair of currencies and day
create or replace temp table rate as
with
converted as (
    select r.CurrencyCode, a.Currency, a.CreationDate::date as day, a.Amount / r.amount as rate
      from outbox.request as r
      join audit.current_action as a
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
 group by all
