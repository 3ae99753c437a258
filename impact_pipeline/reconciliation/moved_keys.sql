-- What     what the rows that are replaced take off the tally, and what those that replace them add
-- Reads    setting, standing, stale, status, written
-- Writes   moved (temporary)
-- Grain    as reconciliation.tally, several times
-- Rules    with everything compared the tally begins with nothing, and every row adds to it
insert into moved by name
with
row_moved as (
    select 1 as sign, * from status where key in (select key from written) or (select is_full from setting)
     union all by name
    select -1 as sign, * from standing where key in (select key from stale) and not (select is_full from setting))
select EventTypeCode, ActionTrackerId, month, CurrencyCode, bucket, class, is_open, is_expected,
       request_id is not null as is_requested,
       impact_currency,
       sum(sign) as key_count,
       sum(sign * coalesce(sent_amount, expected_amount, 0)) as amount,
       sum(sign * coalesce(sent_amount, 0)) as sent_amount,
       sum(sign * coalesce(wanted_amount, 0)) as wanted_amount,
       sum(sign * live_count) as live_count,
       sum(sign * coalesce(impact_amount, 0)) as impact_amount,
       sum(sign * coalesce(impact_payout, 0)) as impact_payout
  from row_moved
 group by all
