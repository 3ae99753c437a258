-- What     empties what was sent and answered longer ago than it may be kept
-- Writes   audit.attempt
-- Grain    one row per attempt
-- Binds    $before timestamptz
update audit.attempt
   set masked_payload = '', answer = null
 where started_at < $before
   and (masked_payload <> '' or answer is not null)
