-- What     queue records that were read, typed; empty texts are null already
-- Writes   listed_submission (temporary)
-- Grain    one row per record, the last one read of each
-- Binds    $file varchar
create or replace temp table listed_submission as
select BatchId as submission_id, CampaignId, ActionTrackerId, EventCode, OrderId, Type, Status, ErrorType, ErrorReason,
       try_cast(SubmissionDate as timestamptz) as SubmissionDate,
       try_cast(CompletionDate as timestamptz) as CompletionDate
  from (select *, row_number() over () as line
          from read_json($file, format = 'newline_delimited', columns = {
                   'BatchId': 'VARCHAR', 'CampaignId': 'VARCHAR', 'ActionTrackerId': 'VARCHAR', 'EventCode': 'VARCHAR',
                   'OrderId': 'VARCHAR', 'Type': 'VARCHAR', 'Status': 'VARCHAR', 'ErrorType': 'VARCHAR',
                   'ErrorReason': 'VARCHAR', 'SubmissionDate': 'VARCHAR', 'CompletionDate': 'VARCHAR'}))
 where BatchId is not null
qualify row_number() over (partition by BatchId order by line desc) = 1
