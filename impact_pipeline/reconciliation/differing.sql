-- What     the lines in which impact.com shows other money than it should
-- Reads    reconciliation.totals
-- Grain    one row per event type, month and currency
select EventTypeCode, month, CurrencyCode, wanted_amount, impact_amount, impact_difference
  from reconciliation.totals
 where impact_difference <> 0
 order by abs(impact_difference) desc, EventTypeCode, month, CurrencyCode
