-- What     keeps of each event what leads from it to a partner, where that is new or has changed
-- Reads    covering
-- Writes   conversions.covered
-- Grain    one row per event
insert into conversions.covered by name
select *
  from covering as n
 where (n.change_id, n.event) not in (select change_id, event from conversions.covered)
