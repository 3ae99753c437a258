-- What     empties mapped values of conversions that ended longer ago than they may be kept
-- Reads    outbox.request
-- Writes   conversions.conversion
-- Grain    one row per conversion
-- Binds    $before timestamptz
update conversions.conversion
   set {nulled}
 where coalesce({values}) is not null
   and event_id in (select event_id
                      from outbox.request
                     where Type = 'Conversion'
                       and state = 'settled'
                       and settled_at < $before)
