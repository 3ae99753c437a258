-- What     the records that a name stands for: a record's Id (15 or 18 characters), an OrderId, an event_id
-- Reads    changes.change, conversions.decision, outbox.request
-- Grain    one row per record
-- Binds    $name varchar
select object, "Id"
  from changes.change
 where "Id" = $name or (length($name) = 15 and left("Id", 15) = $name)
 union
-- Column by column: a condition with "or" would unpack all texts of the table.
select object, "Id" from conversions.decision where "OrderId" = $name
 union
select object, "Id" from conversions.decision where event_id = $name
 union
select object, "Id" from outbox.request where "OrderId" = $name
 union
select object, "Id" from outbox.request where event_id = $name
 order by all
