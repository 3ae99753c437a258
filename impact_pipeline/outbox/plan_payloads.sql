-- What     the requests that wait to be sent, in the order of sending, each with its exact body
-- Reads    outbox.request, due
-- Grain    one row per request
-- Binds    $object, $event varchar: only of these; null: all. $limit bigint
select r.Type, r.object, r.Id, r.event, r.EventTypeCode, r.OrderId, r.amount, r.CurrencyCode, d.wait, r.due_at,
       r.payload, r.payload_sha256
  from due as d
  join outbox.request as r using (request_id)
 where ($object::varchar is null or r.object = $object)
   and ($event::varchar is null or r.event = $event)
 order by d.wait is not null, d.place
 limit $limit
