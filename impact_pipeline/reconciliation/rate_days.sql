-- What     the days whose rates may have moved: those of actions with news, or whose request has news, in another
--          currency than the request
-- Reads    news_event, news_action, outbox.request, audit.action
-- Writes   rate_day (temporary)
-- Grain    one row per currency and day
create or replace temp table rate_day as
with
followed as (
    select action_id, Oid, Currency, CreationDate::date as day
      from audit.action
     where action_id in (select action_id from news_action)
     union
    select action_id, Oid, Currency, CreationDate::date
      from audit.action
     where Oid in (select OrderId from outbox.request where event_id in (from news_event)))
select distinct f.Currency, f.day
  from followed as f
  join (select * from outbox.request where OrderId in (select Oid from followed)) as r on r.OrderId = f.Oid
 where r.CurrencyCode <> f.Currency
