-- What     makes room for what is mapped anew
-- Reads    to_send
-- Writes   conversions.item
-- Grain    one row per item
delete from conversions.item
 where event_id in (select event_id from to_send)
