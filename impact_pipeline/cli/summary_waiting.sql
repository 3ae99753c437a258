-- What     what waits to be sent or to get its end
-- Reads    outbox.request
-- Grain    one row per event type, state and wait
select "Type", "EventTypeCode", state, wait,
       count(*) as count,
       min(due_at) as due_at
  from outbox.request
 where state not in ('settled', 'refused', 'withdrawn')
 group by all
 order by all
