-- What     how far the conversions of each event type got
-- Reads    reconciliation.tally
-- Grain    one row per event type
select coalesce(EventTypeCode, ActionTrackerId, '?') as EventTypeCode,
       coalesce(sum(key_count) filter (is_expected), 0)::bigint as expected,
       coalesce(sum(key_count) filter (bucket in ('refused', 'not_credited', 'credited', 'reversed', 'open')), 0)::bigint as sent,
       coalesce(sum(key_count) filter (bucket in ('not_credited', 'credited', 'reversed')), 0)::bigint as processed,
       coalesce(sum(key_count) filter (bucket = 'credited'), 0)::bigint as credited,
       coalesce(sum(key_count) filter (class in ('matched', 'reattributed')), 0)::bigint as matched
  from reconciliation.tally
 where class is not null
   and bucket <> 'unexpected'
 group by all
 order by EventTypeCode
