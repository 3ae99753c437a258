-- What somebody should look at, the most urgent first: what it is, why, and what to do.
select class, why, EventTypeCode, OrderId, object, Id,
       coalesce(wanted_amount, expected_amount) as our_amount, CurrencyCode,
       impact_amount, impact_currency, locking_date, since, remedy
  from reconciliation.open_difference
 order by is_locked, locking_date nulls last, since, key;
