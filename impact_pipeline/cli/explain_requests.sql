-- What     where the requests of a record stand
-- Reads    outbox.request
-- Grain    one row per request
-- Binds    $object varchar, $Id varchar
select request_id, "Type", event, "EventTypeCode", "OrderId", "CustomerId", amount, "CurrencyCode", state, outcome,
       reason, wait, needs_person, due_at
  from outbox.request
 where object = $object and "Id" = $Id
 order by request_id
