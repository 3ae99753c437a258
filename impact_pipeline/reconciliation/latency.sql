-- What     how long conversions took from the outbox to impact.com, and to a known end, in seconds
-- Reads    outbox.request
-- Grain    one row per event type of which something was sent in the 30 days before the newest sending
select EventTypeCode,
       count(*) as conversion_count,
       median(epoch(accepted_at - created_at)) as taken_median,
       quantile_cont(epoch(accepted_at - created_at), 0.95) as taken_most,
       median(epoch(settled_at - accepted_at)) as ended_median
  from outbox.request
 where Type = 'Conversion'
   and accepted_at >= (select max(accepted_at) from outbox.request) - interval 30 days
 group by all
 order by EventTypeCode
