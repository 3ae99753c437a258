-- What     accepted requests whose queue record is to be looked at now, oldest first
-- Reads    outbox.request, file: what a file carried is told by the file's own record
-- Grain    one row per request; submission_id null: only the list can tell
-- Columns  request_id, submission_id, and the key of a conversion: one whose action was listed need not be looked at
-- Binds    $now timestamptz
select request_id, submission_id,
       case when Type = 'Conversion' then ActionTrackerId end, case when Type = 'Conversion' then OrderId end
  from outbox.request
 where state = 'accepted'
   and next_look_at <= $now
   and coalesce(group_id, '') not in (select name from outbox.file)
 order by next_look_at, request_id
