-- What every conversion came to, by event type, month and currency: Salesforce, outbox, impact.com.
select EventTypeCode, month, CurrencyCode,
       expected_count as expected, not_sent_count as not_sent, sent_count as sent,
       refused_count as refused, not_credited_count as not_credited, credited_count as credited,
       reversed_count as reversed, open_count as open,
       expected_amount, sent_amount, credited_amount, wanted_amount,
       impact_count as actions, impact_amount, impact_payout, impact_currency, impact_difference,
       unexpected_count as not_ours, unexpected_amount as not_ours_amount
  from reconciliation.totals
 order by month, EventTypeCode, CurrencyCode;
