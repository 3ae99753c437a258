-- What     how many sendable conversions got no request, because another event's request has their key
-- Reads    sendable, outbox.request
-- Grain    one row
with
unasked as (
    select event_id from sendable where request_id is null)
select count(*)
  from unasked
 where event_id not in (select event_id
                          from outbox.request
                         where Type = 'Conversion'
                           and event_id in (from unasked))
