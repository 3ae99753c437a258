-- What     what the events that count otherwise take off the tally, and add to it
-- Reads    setting, event_count, recounted
-- Writes   moved (temporary)
-- Grain    as reconciliation.tally, several times
-- Rules    with everything compared the tally begins with nothing, and every event adds to it
insert into moved by name
with
event_moved as (
    select case when place is null then 1 else -1 end as sign, * exclude (place)
      from recounted
     where not (select is_full from setting)
     union all
    select 1, *
      from event_count
     where (select is_full from setting)),
side as (
    select sign, EventTypeCode, ActionTrackerId, month, CurrencyCode,
           unnest([{bucket: 'expected', key_count: expected_count, amount: expected_amount},
                   {bucket: 'sent', key_count: sent_count, amount: sent_amount}], recursive := true)
      from event_moved)
select EventTypeCode, ActionTrackerId, month, CurrencyCode, bucket,
       sum(sign * key_count) as key_count,
       sum(sign * amount) as amount,
       0 as sent_amount, 0 as wanted_amount, 0 as live_count, 0 as impact_amount, 0 as impact_payout
  from side
 where key_count <> 0
 group by all
