-- What     the changes that are answered now
-- Reads    fresh_change, sliced
-- Writes   fresh (temporary)
-- Grain    one row per change
-- Binds    $slice bigint
create or replace temp table fresh as
select f.change_id, f.Id
  from fresh_change as f
 where f.Id in (select Id from sliced where slice = $slice)
