-- What     where the rows of the keys looked at lie
-- Reads    scope, reconciliation.conversion_status
-- Writes   standing_place (temporary)
-- Grain    one row per key
create or replace temp table standing_place as
select rowid as place, key
  from reconciliation.conversion_status
 where key in (select key from scope)
