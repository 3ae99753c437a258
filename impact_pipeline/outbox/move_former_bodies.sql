-- What     lets the history tell the hash of a frozen body that may be replaced from now on: it may have left, also where
--          its run died before it could note an attempt
-- Reads    outbox.request
-- Writes   move_in_force
-- Grain    one row per move that thaws what was intended
update move_in_force as m
   set detail = concat_ws('; ', m.detail, 'body ' || r.payload_sha256)
  from outbox.request as r
 where m.is_thawed
   and r.request_id = m.request_id
   and r.intended_at is not null
