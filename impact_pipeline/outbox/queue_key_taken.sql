-- What     how many sendable conversions got no request, because another event's request has their key
-- Reads    sendable, outbox.request
-- Grain    one row
select count(*)
  from sendable as s
  anti join outbox.request as r on r.event_id = s.event_id and r.Type = 'Conversion'
