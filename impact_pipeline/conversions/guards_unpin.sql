-- What     takes the pins back that only events which are held back now have set
-- Reads    held_back
-- Writes   conversions.customer
-- Grain    one row per record
-- Binds    $began_at timestamptz
delete from conversions.customer
 where pinned_at >= $began_at
   and event_id in (select event_id from held_back where decision = 'send')
