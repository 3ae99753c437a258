-- What     the rows that are no longer as they should be, or should not be there at all
-- Reads    scope, status, reconciliation.conversion_status
-- Writes   stale (temporary)
-- Grain    one row per key
create or replace temp table stale as
select o.key
  from reconciliation.conversion_status as o
  join scope as s using (key)
  left join status as n using (key)
 where n.key is null
    or n is distinct from o
