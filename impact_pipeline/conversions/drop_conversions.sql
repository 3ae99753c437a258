-- What     makes room for what is mapped anew
-- Reads    to_send
-- Writes   conversions.conversion
-- Grain    one row per event
delete from conversions.conversion
 where event_id in (select event_id from to_send)
