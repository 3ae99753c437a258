-- What     keeps of each event what leads from it to a partner, where that is new or has changed
-- Reads    covering
-- Writes   conversions.covered
-- Grain    one row per event
insert into conversions.covered by name
select *
  from covering as n
 where not exists (select 1 from conversions.covered as c where c.change_id = n.change_id and c.event = n.event)
