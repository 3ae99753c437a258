-- What     an empty place for the wanted states that this call replaces
-- Reads    conversions.wanted
-- Writes   wanted_before (temporary)
-- Grain    no rows
create or replace temp table wanted_before as
select *
  from conversions.wanted
 limit 0
