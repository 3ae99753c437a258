-- What     what was decided about a record's changes, each change of mind included
-- Reads    conversions.decision
-- Grain    one row per decision, oldest first
-- Binds    $object varchar, $Id varchar
select change_id, event, decision, reason, detail, event_at, "EventTypeCode", "OrderId", amount, "CurrencyCode",
       decided_by, decided_at
  from conversions.decision
 where object = $object and "Id" = $Id
 order by decision_id
