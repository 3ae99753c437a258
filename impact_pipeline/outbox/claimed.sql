-- What     the requests of a group in the order of sending
-- Reads    outbox.request, due
-- Grain    one row per request
-- Binds    $group_id varchar, $token bigint
select r.request_id, r.Type, r.payload, r.payload_sha256, r.attempt_count
  from outbox.request as r
  join due as d using (request_id)
 where r.state = 'intended'
   and r.group_id = $group_id
   and r.lease_token = $token
 order by d.place
