-- What     how far the conversions of each event type got
-- Reads    reconciliation.conversion_status
-- Grain    one row per event type
select coalesce(EventTypeCode, ActionTrackerId, '?') as EventTypeCode,
       count(*) filter (is_expected) as expected,
       count(*) filter (bucket in ('refused', 'not_credited', 'credited', 'reversed', 'open')) as sent,
       count(*) filter (bucket in ('not_credited', 'credited', 'reversed')) as processed,
       count(*) filter (bucket = 'credited') as credited,
       count(*) filter (class in ('matched', 'reattributed')) as matched
  from reconciliation.conversion_status
 where bucket <> 'unexpected'
 group by all
 order by EventTypeCode
