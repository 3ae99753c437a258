-- What     the keys that are compared at a time
-- Reads    scoped
-- Writes   scope (temporary)
-- Grain    one row per key
-- Binds    $slice bigint
create or replace temp table scope as
select key
  from scoped
 where slice = $slice
