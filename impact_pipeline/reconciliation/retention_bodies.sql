-- What     empties the bodies of conversions that ended longer ago than they may be kept
-- Writes   outbox.request
-- Grain    one row per conversion; one that was withdrawn before it was ever intended gets a new body if it comes back
-- Binds    $before timestamptz
update outbox.request
   set payload = null,
       payload_sha256 = case when state <> 'withdrawn' then payload_sha256 end
 where Type = 'Conversion'
   and payload is not null
   and coalesce(settled_at, created_at) < $before
   and (state in ('settled', 'refused') or state = 'withdrawn' and intended_at is null)
