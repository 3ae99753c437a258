-- What     the totals per event type, month and currency; the lines that nothing has moved as they were
-- Reads    setting, bucket, reconciliation.counted_event, reconciliation.conversion_status, reconciliation.totals
-- Writes   total (temporary)
-- Grain    one row per event type, month and currency
-- Rules    expected and sent do not come from conversion_status: a key lost or doubled in the join shows as a difference
create or replace temp table total as
with
line_moved as (
    select EventTypeCode, ActionTrackerId, month, CurrencyCode from bucket
     union
    select EventTypeCode, ActionTrackerId, month, CurrencyCode
      from reconciliation.counted_event
     where (select is_full from setting)
     union
    select EventTypeCode, ActionTrackerId, month, CurrencyCode
      from reconciliation.conversion_status
     where (select is_full from setting)),
counted as (
    select c.*
      from (select * from reconciliation.counted_event where month in (select month from line_moved)) as c
      semi join line_moved as b
        on c.EventTypeCode is not distinct from b.EventTypeCode
       and c.ActionTrackerId is not distinct from b.ActionTrackerId
       and c.month = b.month
       and c.CurrencyCode = b.CurrencyCode),
status as (
    select c.*
      from (select * from reconciliation.conversion_status where month in (select month from line_moved)) as c
      semi join line_moved as b
        on c.EventTypeCode is not distinct from b.EventTypeCode
       and c.ActionTrackerId is not distinct from b.ActionTrackerId
       and c.month = b.month
       and c.CurrencyCode = b.CurrencyCode),
line as (
    select EventTypeCode, ActionTrackerId, month, CurrencyCode,
           'expected' as bucket, sum(expected_count) as count, sum(expected_amount) as amount
      from counted
     group by all
     union all
    select EventTypeCode, ActionTrackerId, month, CurrencyCode,
           'sent', sum(sent_count), sum(sent_amount)
      from counted
     group by all
     union all
    select EventTypeCode, ActionTrackerId, month, CurrencyCode,
           bucket, count(*), coalesce(sum(coalesce(sent_amount, expected_amount)), 0)
      from status
     group by all
     union all
    select EventTypeCode, ActionTrackerId, month, CurrencyCode,
           'not_expected', count(*), coalesce(sum(sent_amount), 0)
      from status
     where request_id is not null and not is_expected
     group by all),
bucketed as (
    select EventTypeCode, ActionTrackerId, month, CurrencyCode,
           coalesce(sum(count) filter (bucket = 'expected'), 0)::bigint as expected_count,
           coalesce(sum(amount) filter (bucket = 'expected'), 0)::decimal(38, 2) as expected_amount,
           coalesce(sum(count) filter (bucket = 'not_expected'), 0)::bigint as not_expected_count,
           coalesce(sum(amount) filter (bucket = 'not_expected'), 0)::decimal(38, 2) as not_expected_amount,
           coalesce(sum(count) filter (bucket in ('held', 'waiting', 'withdrawn', 'missing')), 0)::bigint as not_sent_count,
           coalesce(sum(amount) filter (bucket in ('held', 'waiting', 'withdrawn', 'missing')), 0)::decimal(38, 2) as not_sent_amount,
           coalesce(sum(count) filter (bucket = 'held'), 0)::bigint as held_count,
           coalesce(sum(amount) filter (bucket = 'held'), 0)::decimal(38, 2) as held_amount,
           coalesce(sum(count) filter (bucket = 'waiting'), 0)::bigint as waiting_count,
           coalesce(sum(amount) filter (bucket = 'waiting'), 0)::decimal(38, 2) as waiting_amount,
           coalesce(sum(count) filter (bucket = 'withdrawn'), 0)::bigint as withdrawn_count,
           coalesce(sum(amount) filter (bucket = 'withdrawn'), 0)::decimal(38, 2) as withdrawn_amount,
           coalesce(sum(count) filter (bucket = 'missing'), 0)::bigint as missing_count,
           coalesce(sum(amount) filter (bucket = 'missing'), 0)::decimal(38, 2) as missing_amount,
           coalesce(sum(count) filter (bucket = 'sent'), 0)::bigint as sent_count,
           coalesce(sum(amount) filter (bucket = 'sent'), 0)::decimal(38, 2) as sent_amount,
           coalesce(sum(count) filter (bucket = 'refused'), 0)::bigint as refused_count,
           coalesce(sum(amount) filter (bucket = 'refused'), 0)::decimal(38, 2) as refused_amount,
           coalesce(sum(count) filter (bucket = 'not_credited'), 0)::bigint as not_credited_count,
           coalesce(sum(amount) filter (bucket = 'not_credited'), 0)::decimal(38, 2) as not_credited_amount,
           coalesce(sum(count) filter (bucket = 'credited'), 0)::bigint as credited_count,
           coalesce(sum(amount) filter (bucket = 'credited'), 0)::decimal(38, 2) as credited_amount,
           coalesce(sum(count) filter (bucket = 'reversed'), 0)::bigint as reversed_count,
           coalesce(sum(amount) filter (bucket = 'reversed'), 0)::decimal(38, 2) as reversed_amount,
           coalesce(sum(count) filter (bucket = 'open'), 0)::bigint as open_count,
           coalesce(sum(amount) filter (bucket = 'open'), 0)::decimal(38, 2) as open_amount
      from line
     group by all),
shown as (
    select EventTypeCode, ActionTrackerId, month, CurrencyCode,
           coalesce(sum(wanted_amount) filter (bucket = 'credited'), 0) as wanted_amount,
           coalesce(sum(live_count) filter (class <> 'unexpected_action'), 0) as impact_count,
           coalesce(sum(impact_amount) filter (class <> 'unexpected_action'), 0) as impact_amount,
           coalesce(sum(impact_payout) filter (class <> 'unexpected_action'), 0) as impact_payout,
           max(impact_currency) as impact_currency,
           coalesce(sum(live_count) filter (class = 'unexpected_action'), 0) as unexpected_count,
           coalesce(sum(impact_amount) filter (class = 'unexpected_action'), 0) as unexpected_amount,
           coalesce(sum(impact_amount - case when bucket = 'credited' then coalesce(wanted_amount, 0) else 0 end)
                    filter (class not in ('matched', 'reattributed', 'reversed', 'not_credited', 'unconfirmed',
                                          'unexpected_action')), 0) as listed
      from status
     group by all)
select b.EventTypeCode, b.ActionTrackerId, b.month, b.CurrencyCode,
       b.expected_count, b.expected_amount,
       b.not_expected_count, b.not_expected_amount,
       b.not_sent_count, b.not_sent_amount,
       b.held_count, b.held_amount,
       b.waiting_count, b.waiting_amount,
       b.withdrawn_count, b.withdrawn_amount,
       b.missing_count, b.missing_amount,
       b.sent_count, b.sent_amount,
       b.refused_count, b.refused_amount,
       b.not_credited_count, b.not_credited_amount,
       b.credited_count, b.credited_amount,
       b.reversed_count, b.reversed_amount,
       b.open_count, b.open_amount,
       s.wanted_amount, s.impact_count::bigint as impact_count, s.impact_amount, s.impact_payout, s.impact_currency,
       s.unexpected_count::bigint as unexpected_count, s.unexpected_amount,
       case when b.CurrencyCode = coalesce(s.impact_currency, b.CurrencyCode)
            then s.impact_amount - s.wanted_amount end as impact_difference,
       case when b.CurrencyCode = coalesce(s.impact_currency, b.CurrencyCode) then s.listed end as listed_difference,
       b.expected_count + b.not_expected_count - b.not_sent_count - b.sent_count as expected_balance_count,
       b.expected_amount + b.not_expected_amount - b.not_sent_amount - b.sent_amount as expected_balance_amount,
       b.sent_count - b.refused_count - b.not_credited_count - b.credited_count - b.reversed_count - b.open_count
           as sent_balance_count,
       b.sent_amount - b.refused_amount - b.not_credited_amount - b.credited_amount - b.reversed_amount - b.open_amount
           as sent_balance_amount
  from bucketed as b
  left join shown as s
    on s.EventTypeCode is not distinct from b.EventTypeCode
   and s.ActionTrackerId is not distinct from b.ActionTrackerId
   and s.month = b.month
   and s.CurrencyCode = b.CurrencyCode
 union all
select o.*
  from reconciliation.totals as o
  anti join line_moved as b
    on o.EventTypeCode is not distinct from b.EventTypeCode
   and o.ActionTrackerId is not distinct from b.ActionTrackerId
   and o.month = b.month
   and o.CurrencyCode = b.CurrencyCode
 where not (select is_full from setting)
