-- What     what left for impact.com and what came back, personal values masked
-- Reads    audit.attempt, outbox.request
-- Grain    one row per HTTP request, oldest first
-- Binds    $object varchar, $Id varchar
select a.started_at, a.request_id, a.method, a.endpoint, a.http_status, a.verdict, a.submission_id, a.masked_payload
  from audit.attempt as a
  join outbox.request as r using (request_id)
 where r.object = $object and r."Id" = $Id
 order by a.attempt_id
