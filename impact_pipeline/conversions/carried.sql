-- What     the decisions that carry an event of the records that changed or are open, or of those merged with them
-- Reads    changes.change, open_pair, conversions.current_decision, conversions.cursor, {table}
-- Writes   carried (temporary)
-- Grain    one row per event
-- Binds    $object varchar
create or replace temp table carried as
with
touched as (
    select Id
      from changes.change
     where object = $object
       and change_id > coalesce((select change_id from conversions.cursor where object = $object), 0)
    union
    select Id
      from open_pair)
select d.*
  from conversions.current_decision as d
 where d.object = $object
   and d.carries
   and d.Id in (from touched
                union all
                {losers})
