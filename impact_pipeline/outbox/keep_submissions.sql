-- What     appends the queue records that differ from what was known of them
-- Reads    listed_submission, audit.submission, outbox.request
-- Writes   audit.submission
-- Grain    one row per record that is new or differs; request_id where the record or its key is one of ours
-- Binds    $run_id varchar, $now timestamptz
insert into audit.submission
       (submission_id, request_id, CampaignId, ActionTrackerId, EventCode, OrderId, Type, Status, ErrorType, ErrorReason,
        SubmissionDate, CompletionDate, observed_at, run_id)
with
known as (
    select s.* exclude (request_id, observed_at, run_id)
      from audit.submission as s
      semi join listed_submission as l using (submission_id)
   qualify row_number() over (partition by s.submission_id order by s.observed_at desc, s.rowid desc) = 1),
ours as (
    select n.submission_id,
           coalesce(max(i.request_id), max(k.request_id)) as request_id
      from listed_submission as n
      left join outbox.request as i on i.submission_id = n.submission_id
      left join outbox.request as k
        on k.Type = 'Conversion' and n.Type = 'Conversion' and k.OrderId = n.OrderId
       and (k.ActionTrackerId = n.ActionTrackerId or k.EventTypeCode = n.EventCode)
     group by all)
select n.submission_id, o.request_id, n.CampaignId, n.ActionTrackerId, n.EventCode, n.OrderId, n.Type, n.Status,
       n.ErrorType, n.ErrorReason, n.SubmissionDate, n.CompletionDate, $now, $run_id
  from listed_submission as n
  join ours as o using (submission_id)
  anti join known as k on k.submission_id = n.submission_id and k is not distinct from n
