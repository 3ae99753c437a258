-- What     names in each accepted conversion of a processed file the record that tells its end
-- Reads    outbox.file, audit.submission
-- Writes   outbox.request
-- Grain    one row per conversion
update outbox.request as r
   set submission_id = f.BatchId || '/' || r.request_id
  from outbox.file as f
  join audit.submission as s on s.submission_id = f.BatchId || '/' || s.request_id
 where r.group_id = f.name
   and s.request_id = r.request_id
   and f.state = 'settled'
   and r.state = 'accepted'
   and r.submission_id is distinct from f.BatchId || '/' || r.request_id
