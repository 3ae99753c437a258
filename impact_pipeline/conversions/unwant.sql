-- What     forgets what was wanted of an event that is to be sent anew
-- Reads    answer
-- Writes   conversions.wanted
-- Grain    one row per event
delete from conversions.wanted
 where event_id in (select event_id from answer where decision = 'send' and carries)
