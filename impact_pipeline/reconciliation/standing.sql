-- What     the rows of the keys looked at, as they are before this comparison
-- Reads    standing_place, reconciliation.conversion_status
-- Writes   standing (temporary)
-- Grain    one row per key
create or replace temp table standing as
select *
  from reconciliation.conversion_status
 where rowid in (select place from standing_place)
