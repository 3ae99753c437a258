-- What     forgets what corrections that are held back now have asked for
-- Reads    held_back
-- Writes   conversions.wanted
-- Grain    one row per event
delete from conversions.wanted
 where event_id in (select event_id from held_back where decision = 'correct')
