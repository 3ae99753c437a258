-- What     tells the end of each conversion of the files that are processed, as a queue record would
-- Reads    outbox.file, request
-- Writes   audit.submission
-- Grain    one row per conversion; where errors name nobody, only those that an error names
-- Binds    $errors json: FileName, ActionTrackerId, EventCode, OrderId, Status, Reason; $now timestamptz, $run_id varchar
insert into audit.submission
       (submission_id, request_id, CampaignId, ActionTrackerId, EventCode, OrderId, Type, Status, ErrorType, ErrorReason,
        SubmissionDate, CompletionDate, observed_at, run_id)
with
error as (
    select FileName, ActionTrackerId, EventCode, OrderId,
           any_value(Status) as ErrorType, string_agg(distinct Reason, ' ' order by Reason) as ErrorReason
      from (select unnest(from_json($errors::json, '[{"FileName": "VARCHAR", "ActionTrackerId": "VARCHAR",
                "EventCode": "VARCHAR", "OrderId": "VARCHAR", "Status": "VARCHAR", "Reason": "VARCHAR"}]'), recursive := true))
     group by all)
select f.BatchId || '/' || r.request_id, r.request_id, r.CampaignId, r.ActionTrackerId, r.EventTypeCode, r.OrderId,
       'Conversion', 'Complete', e.ErrorType, e.ErrorReason, f.SubmissionDate, f.CompletionDate, $now, $run_id
  from outbox.file as f
  join outbox.request as r on r.group_id = f.name
  left join error as e
    on e.FileName = f.name and e.OrderId = r.OrderId
   and (e.ActionTrackerId = r.ActionTrackerId or e.EventCode = r.EventTypeCode)
 where f.state = 'settled'
   and r.state = 'accepted'
   and r.submission_id is distinct from f.BatchId || '/' || r.request_id
   and (e.FileName is not null or f.unmatched_errors = 0)
