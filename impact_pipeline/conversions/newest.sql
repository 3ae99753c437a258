-- What     the current rows of the records that are mapped, in the columns that the mapping reads
-- Reads    need, {table}
-- Writes   newest (temporary)
-- Grain    one row per record
create or replace temp table newest as
select {columns}
  from {table}
 where "Id" in (select Id from need)
