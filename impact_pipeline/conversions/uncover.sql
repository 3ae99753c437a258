-- What     takes out what no longer holds of events that were answered anew
-- Reads    answer, covering
-- Writes   conversions.covered
-- Grain    one row per event
delete from conversions.covered as c
 where (c.change_id, c.event) in (select change_id, event from answer)
   and not exists (select 1 from covering as n
                    where n.change_id = c.change_id and n.event = c.event and n is not distinct from c)
