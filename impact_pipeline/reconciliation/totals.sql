-- What     the totals per event type, month and currency
-- Reads    tally
-- Writes   total (temporary)
-- Grain    one row per event type, month and currency
-- Rules    expected and sent do not come from conversion_status: a key lost or doubled in the join shows as a difference
create or replace temp table total as
with
summed as (
    select EventTypeCode, ActionTrackerId, month, CurrencyCode,
           coalesce(sum(key_count) filter (bucket = 'expected'), 0)::bigint as expected_count,
           coalesce(sum(amount) filter (bucket = 'expected'), 0)::decimal(38, 2) as expected_amount,
           coalesce(sum(key_count) filter (is_requested and not is_expected), 0)::bigint as not_expected_count,
           coalesce(sum(sent_amount) filter (is_requested and not is_expected), 0)::decimal(38, 2) as not_expected_amount,
           coalesce(sum(key_count) filter (bucket in ('held', 'waiting', 'withdrawn', 'missing')), 0)::bigint as not_sent_count,
           coalesce(sum(amount) filter (bucket in ('held', 'waiting', 'withdrawn', 'missing')), 0)::decimal(38, 2) as not_sent_amount,
           coalesce(sum(key_count) filter (bucket = 'held'), 0)::bigint as held_count,
           coalesce(sum(amount) filter (bucket = 'held'), 0)::decimal(38, 2) as held_amount,
           coalesce(sum(key_count) filter (bucket = 'waiting'), 0)::bigint as waiting_count,
           coalesce(sum(amount) filter (bucket = 'waiting'), 0)::decimal(38, 2) as waiting_amount,
           coalesce(sum(key_count) filter (bucket = 'withdrawn'), 0)::bigint as withdrawn_count,
           coalesce(sum(amount) filter (bucket = 'withdrawn'), 0)::decimal(38, 2) as withdrawn_amount,
           coalesce(sum(key_count) filter (bucket = 'missing'), 0)::bigint as missing_count,
           coalesce(sum(amount) filter (bucket = 'missing'), 0)::decimal(38, 2) as missing_amount,
           coalesce(sum(key_count) filter (bucket = 'sent'), 0)::bigint as sent_count,
           coalesce(sum(amount) filter (bucket = 'sent'), 0)::decimal(38, 2) as sent_amount,
           coalesce(sum(key_count) filter (bucket = 'refused'), 0)::bigint as refused_count,
           coalesce(sum(amount) filter (bucket = 'refused'), 0)::decimal(38, 2) as refused_amount,
           coalesce(sum(key_count) filter (bucket = 'not_credited'), 0)::bigint as not_credited_count,
           coalesce(sum(amount) filter (bucket = 'not_credited'), 0)::decimal(38, 2) as not_credited_amount,
           coalesce(sum(key_count) filter (bucket = 'credited'), 0)::bigint as credited_count,
           coalesce(sum(amount) filter (bucket = 'credited'), 0)::decimal(38, 2) as credited_amount,
           coalesce(sum(key_count) filter (bucket = 'reversed'), 0)::bigint as reversed_count,
           coalesce(sum(amount) filter (bucket = 'reversed'), 0)::decimal(38, 2) as reversed_amount,
           coalesce(sum(key_count) filter (bucket = 'open'), 0)::bigint as open_count,
           coalesce(sum(amount) filter (bucket = 'open'), 0)::decimal(38, 2) as open_amount,
           coalesce(sum(wanted_amount) filter (bucket = 'credited'), 0)::decimal(38, 2) as wanted_amount,
           coalesce(sum(live_count) filter (class <> 'unexpected_action'), 0)::bigint as impact_count,
           coalesce(sum(impact_amount) filter (class <> 'unexpected_action'), 0)::decimal(38, 2) as impact_amount,
           coalesce(sum(impact_payout) filter (class <> 'unexpected_action'), 0)::decimal(38, 2) as impact_payout,
           max(impact_currency) as impact_currency,
           coalesce(sum(live_count) filter (class = 'unexpected_action'), 0)::bigint as unexpected_count,
           coalesce(sum(impact_amount) filter (class = 'unexpected_action'), 0)::decimal(38, 2) as unexpected_amount,
           coalesce(sum(impact_amount - case when bucket = 'credited' then wanted_amount else 0 end)
                    filter (class not in ('matched', 'reattributed', 'reversed', 'not_credited', 'unconfirmed',
                                          'unexpected_action')), 0)::decimal(38, 2) as listed
      from tally
     group by all)
select * exclude (listed),
       case when CurrencyCode = coalesce(impact_currency, CurrencyCode) then impact_amount - wanted_amount end
           as impact_difference,
       case when CurrencyCode = coalesce(impact_currency, CurrencyCode) then listed end as listed_difference,
       expected_count + not_expected_count - not_sent_count - sent_count as expected_balance_count,
       expected_amount + not_expected_amount - not_sent_amount - sent_amount as expected_balance_amount,
       sent_count - refused_count - not_credited_count - credited_count - reversed_count - open_count
           as sent_balance_count,
       sent_amount - refused_amount - not_credited_amount - credited_amount - reversed_amount - open_amount
           as sent_balance_amount
  from summed
