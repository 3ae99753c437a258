-- What     empties what was sent and answered longer ago than it may be kept; the names of the parameters stay
-- Writes   audit.attempt
-- Grain    one row per attempt
-- Binds    $before timestamptz
update audit.attempt
   set masked_payload = regexp_replace(masked_payload, '=[^&]*', '=…', 'g'), answer = null
 where started_at < $before
   and (regexp_matches(masked_payload, '=[^…]') or answer is not null)
