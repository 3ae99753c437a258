-- What     the changes of one object that were never answered
-- Reads    changes.change, conversions.cursor
-- Writes   fresh_change (temporary)
-- Grain    one row per change
-- Binds    $object varchar
create or replace temp table fresh_change as
select change_id, Id, occurred_at
  from changes.change
 where object = $object
   and change_id > coalesce((select change_id from conversions.cursor where object = $object), 0)
