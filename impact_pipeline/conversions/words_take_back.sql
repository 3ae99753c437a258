-- What     takes a reversal back that a person asked for and that has not left
-- Writes   conversions.wanted
-- Grain    one row
-- Binds    $event_id varchar, $now timestamptz
update conversions.wanted
   set state = 'live', wanted_at = $now
 where event_id = $event_id
   and state = 'reversed'
