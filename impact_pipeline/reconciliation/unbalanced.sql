-- What     the lines whose equations do not hold to the cent
-- Reads    reconciliation.totals
-- Grain    one row per event type, month and currency
select EventTypeCode, month, CurrencyCode,
       expected_balance_count, expected_balance_amount, sent_balance_count, sent_balance_amount,
       coalesce(impact_difference - listed_difference, 0) as unlisted_difference
  from reconciliation.totals
 where expected_balance_count <> 0
    or expected_balance_amount <> 0
    or sent_balance_count <> 0
    or sent_balance_amount <> 0
    or impact_difference is distinct from listed_difference
 order by EventTypeCode, month, CurrencyCode
