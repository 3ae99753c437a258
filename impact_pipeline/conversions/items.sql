-- What     the items of each mapped pair: its lines, or one that carries the amount
-- Reads    line, mapped
-- Writes   mapped_item (temporary)
-- Grain    one row per item, numbered from 1
create or replace temp table mapped_item as
select l.* exclude (has_cents, currencies, cut, issue)
  from line as l
  join mapped as m using (change_id, event)
 where m.uses_lines
union all by name
{singles}
