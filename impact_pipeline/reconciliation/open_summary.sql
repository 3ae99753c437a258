-- What     the open differences by class and reason
-- Reads    reconciliation.open_difference, reconciliation.class
-- Grain    one row per class, reason and currency
select o.class, o.why, o.CurrencyCode,
       count(*) as key_count,
       coalesce(sum(coalesce(o.wanted_amount, o.expected_amount)), 0)::decimal(38, 2) as our_amount,
       coalesce(sum(o.impact_amount), 0)::decimal(38, 2) as impact_amount,
       min(o.locking_date) as first_locking_date,
       min(o.since) as oldest_since
  from reconciliation.open_difference as o
  join reconciliation.class as c using (class)
 group by o.class, o.why, o.CurrencyCode, c.place
 order by c.place, o.why, o.CurrencyCode
