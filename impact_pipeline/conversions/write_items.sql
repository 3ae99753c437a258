-- What     keeps the items of each conversion as they will leave
-- Reads    to_send, mapped_item
-- Writes   conversions.item
-- Grain    one row per item
insert into conversions.item (event_id, item_number, amount, {columns})
select s.event_id, l.item_number, l.amount, {values}
  from to_send as s
  join mapped_item as l using (change_id, event)
