-- What     the days whose rate differs from the one that was compared with before
-- Reads    rate, reconciliation.implied_rate
-- Writes   changed_rate (temporary)
-- Grain    one row per pair of currencies and day
create or replace temp table changed_rate as
select CurrencyCode, Currency, day
  from rate as n
  full join reconciliation.implied_rate as o using (CurrencyCode, Currency, day)
 where n.rate is distinct from o.rate
    or n.action_count is distinct from o.action_count
