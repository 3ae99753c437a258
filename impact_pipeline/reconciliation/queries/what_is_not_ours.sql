-- Actions at impact.com under keys that we did not send, and where they seem to come from.
select why, EventTypeCode, month, impact_currency,
       count(*) as keys, sum(live_count) as live_actions,
       coalesce(sum(impact_amount), 0) as impact_amount, coalesce(sum(impact_payout), 0) as impact_payout
  from reconciliation.conversion_status
 where class = 'unexpected_action'
 group by all
 order by month, EventTypeCode, why, impact_currency;
