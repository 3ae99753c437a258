-- What     the rows that are no longer as they should be, or should not be there at all
-- Reads    standing, status
-- Writes   stale (temporary)
-- Grain    one row per key
create or replace temp table stale as
select o.key
  from standing as o
  left join status as n using (key)
 where n.key is null
    or n is distinct from o
