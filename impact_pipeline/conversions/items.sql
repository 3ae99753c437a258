-- What     the items of each mapped pair: its lines, or one that carries the amount
-- Reads    line, mapped
-- Writes   mapped_item (temporary)
-- Grain    one row per item, numbered from 1
create or replace temp table mapped_item as
select l.*
  from line as l
  join mapped as m using (change_id, event)
 where m.uses_lines
union all by name
select change_id, event, 1 as item_number, amount,
       {fallback}
  from mapped
 where not uses_lines
   and amount is not null
   and event in ({events})
