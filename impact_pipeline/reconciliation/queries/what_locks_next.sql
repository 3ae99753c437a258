-- What locks when, and what is still open before it. Days that are past show what was closed with a difference.
select locking_date, impact_currency, action_count, impact_amount, impact_payout, open_count, open_amount, open_classes
  from reconciliation.lock_calendar
 order by locking_date desc, impact_currency;
