-- What     impact.com's queue records of those requests
-- Reads    outbox.request
-- Writes   audit.submission
-- Grain    one row per request
-- Binds    $after bigint: the newest request before them; $now timestamptz
insert into audit.submission
       (submission_id, request_id, CampaignId, ActionTrackerId, OrderId, Status, ErrorType, ErrorReason,
        CompletionDate, observed_at, run_id)
select submission_id, request_id, CampaignId, ActionTrackerId, OrderId, 'Complete', '', '', $now, $now, 'run'
  from outbox.request
 where request_id > $after
