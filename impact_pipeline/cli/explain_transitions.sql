-- What     every move of a record's requests
-- Reads    audit.transition, outbox.request
-- Grain    one row per move, oldest first
-- Binds    $object varchar, $Id varchar
select t.moved_at, t.request_id, t.from_state, t.to_state, t.outcome, t.reason, t.detail, t.decided_by, t.run_id
  from audit.transition as t
  join outbox.request as r using (request_id)
 where r.object = $object and r."Id" = $Id
 order by t.transition_id
