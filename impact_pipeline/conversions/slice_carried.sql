-- What     of the decisions that carry an event those that matter now
-- Reads    carrying
-- Writes   carried (temporary)
-- Grain    one row per event
-- Binds    $slice bigint
create or replace temp table carried as
select * exclude (slice)
  from carrying
 where slice = $slice
   and carries
