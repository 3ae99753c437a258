-- What     appends the requests that were made
-- Reads    answer, outbox.request
-- Writes   audit.attempt
-- Grain    one row per HTTP request
-- Binds    $run_id varchar, $token bigint: answers to requests that are another lease's by now are left out
insert into audit.attempt
       (request_id, run_id, group_id, method, endpoint, payload_sha256, masked_payload, started_at, duration_seconds,
        http_status, verdict, answer, submission_id, wait_seconds)
select a.request_id, $run_id, r.group_id, a.method, a.endpoint, a.payload_sha256, a.masked_payload, a.started_at,
       a.duration_seconds, a.http_status, a.verdict, a.answer, a.submission_id, a.wait_seconds
  from answer as a
  join outbox.request as r using (request_id)
 where a.verdict is not null
   and r.state = 'intended'
   and r.lease_token = $token
 order by a.started_at + to_microseconds((a.duration_seconds * 1000000)::bigint), a.request_id
