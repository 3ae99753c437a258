-- What     the listed moves whose guard holds: the request is still in the state that the move starts from
-- Reads    move, outbox.request
-- Writes   move_in_force (temporary)
-- Grain    one row per move
-- Binds    $token bigint: the lease of the caller; what was intended under another one is not the caller's to move
--          $is_takeover boolean: only what was intended under another one is
create or replace temp table move_in_force as
select m.*
  from move as m
  join outbox.request as r using (request_id)
 where r.state = m.from_state
   and ($token::bigint is null or r.state <> 'intended' or (r.lease_token is not distinct from $token) <> $is_takeover)
