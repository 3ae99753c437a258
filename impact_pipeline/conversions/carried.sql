-- What     the decisions that carry an event of the records that changed or are open, or of those merged with them
-- Reads    fresh, open_pair, conversions.current_decision, {table}
-- Writes   carried (temporary)
-- Grain    one row per event
-- Binds    $object varchar
create or replace temp table carried as
with
touched as (
    select Id
      from fresh
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
