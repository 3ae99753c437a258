-- What     the rows to be written: new ones, and those that take the place of stale ones
-- Reads    status, standing, stale
-- Writes   written (temporary)
-- Grain    one row per key
create or replace temp table written as
select *
  from status
 where key in (select key from stale)
    or key not in (select key from standing)
