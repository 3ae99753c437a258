-- What     says when queue records that have not ended are looked at next: after as long as it took until now
-- Writes   outbox.request
-- Grain    one row per request
-- Binds    $looked_at bigint[], $now timestamptz
update outbox.request
   set next_look_at = $now + greatest(interval 10 minutes, least($now - accepted_at, interval 24 hours))
 where state = 'accepted'
   and list_contains($looked_at::bigint[], request_id)
