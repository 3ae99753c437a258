-- What     what impact.com's queue said about a record's requests, each differing answer
-- Reads    audit.submission, outbox.request
-- Grain    one row per observation, oldest first
-- Binds    $object varchar, $Id varchar
select s.observed_at, s.submission_id, s."Type", s."Status", s."ErrorType", s."ErrorReason", s."SubmissionDate",
       s."CompletionDate"
  from audit.submission as s
  join outbox.request as r using (request_id)
 where r.object = $object and r."Id" = $Id
 order by s.observed_at, s.submission_id
