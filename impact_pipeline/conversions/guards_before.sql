-- What     how far the changes of each object had been answered before this call
-- Reads    conversions.cursor
-- Writes   answered_before (temporary)
-- Grain    one row per object
create or replace temp table answered_before as
select object, change_id
  from conversions.cursor
