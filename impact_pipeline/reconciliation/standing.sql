-- What     the rows of the keys looked at, as they are before this comparison
-- Reads    scope, reconciliation.conversion_status
-- Writes   standing (temporary)
-- Grain    one row per key
create or replace temp table standing as
select *
  from reconciliation.conversion_status
 where key in (select key from scope)
