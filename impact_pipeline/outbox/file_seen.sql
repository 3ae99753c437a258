-- What     keeps what impact.com's list of files says of ours
-- Writes   outbox.file
-- Grain    one row per file that is listed and has no known end
-- Binds    $records json: BatchId, FileName, Status, TotalRecords, TotalErrors, SubmissionDate, CompletionDate, is_over:
--          processed, and all its errors were read; $errors json: FileName, ActionTrackerId, EventCode, OrderId
update outbox.file as f
   set state = case when l.is_over then 'settled' else 'taken' end,
       uploaded_at = coalesce(f.uploaded_at, l.SubmissionDate),
       BatchId = l.BatchId,
       Status = l.Status,
       TotalRecords = l.TotalRecords,
       TotalErrors = l.TotalErrors,
       SubmissionDate = l.SubmissionDate,
       CompletionDate = l.CompletionDate,
       unmatched_errors = case when l.is_over then (
           select count(*)
             from (select unnest(from_json($errors::json, '[{"FileName": "VARCHAR", "ActionTrackerId": "VARCHAR",
                       "EventCode": "VARCHAR", "OrderId": "VARCHAR"}]'), recursive := true)) as e
             anti join outbox.request as r
               on r.group_id = e.FileName and r.OrderId = e.OrderId
              and (r.ActionTrackerId = e.ActionTrackerId or r.EventTypeCode = e.EventCode)
            where e.FileName = f.name) end
  from (select unnest(from_json($records::json, '[{"BatchId": "VARCHAR", "FileName": "VARCHAR", "Status": "VARCHAR",
                   "TotalRecords": "BIGINT", "TotalErrors": "BIGINT", "SubmissionDate": "TIMESTAMPTZ",
                   "CompletionDate": "TIMESTAMPTZ", "is_over": "BOOLEAN"}]'), recursive := true)) as l
 where f.name = l.FileName
   and f.state in ('intended', 'uploaded', 'taken')
