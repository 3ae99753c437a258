-- What     the days whose rates may have moved: those of actions with news, or whose request has news, in another
--          currency than the request
-- Reads    news_action, request_place, outbox.request, audit.action
-- Writes   rate_day (temporary)
-- Grain    one row per currency and day
create or replace temp table rate_day as
with
-- Without two currencies nothing below has anything to look for.
pair as (
    select r.CurrencyCode, a.Currency
      from (select distinct CurrencyCode from outbox.request) as r
      join (select distinct Currency from audit.action) as a on r.CurrencyCode <> a.Currency),
asked as (
    select OrderId
      from outbox.request
     where rowid in (select place from request_place)
       and CurrencyCode in (select CurrencyCode from pair)),
followed as (
    select Oid, Currency, CreationDate::date as day
      from audit.action
     where action_id in (select n.action_id from news_action as n, (select 1 from pair limit 1))
     union
    select Oid, Currency, CreationDate::date
      from audit.action
     where Oid in (select OrderId from asked))
select distinct f.Currency, f.day
  from followed as f
  join (select * from outbox.request where OrderId in (select Oid from followed)) as r on r.OrderId = f.Oid
 where r.CurrencyCode <> f.Currency
