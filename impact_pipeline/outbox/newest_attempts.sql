-- What     the newest attempts, newest first
-- Reads    audit.attempt
-- Grain    one row per attempt
-- Binds    $count integer
select group_id, verdict, started_at, wait_seconds, http_status
  from audit.attempt
 order by attempt_id desc
 limit $count
