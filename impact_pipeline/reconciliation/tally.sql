-- What     the tally with what has moved
-- Reads    setting, moved, reconciliation.tally
-- Writes   tally (temporary)
-- Grain    as reconciliation.tally
create or replace temp table tally as
select EventTypeCode, ActionTrackerId, month, CurrencyCode, bucket, class, is_open, is_expected, is_requested,
       impact_currency,
       sum(key_count)::bigint as key_count,
       sum(amount)::decimal(38, 2) as amount,
       sum(sent_amount)::decimal(38, 2) as sent_amount,
       sum(wanted_amount)::decimal(38, 2) as wanted_amount,
       sum(live_count)::bigint as live_count,
       sum(impact_amount)::decimal(38, 2) as impact_amount,
       sum(impact_payout)::decimal(38, 2) as impact_payout
  from (select * from reconciliation.tally where not (select is_full from setting)
         union all
        select * from moved)
 group by all
having sum(key_count) <> 0
