-- What     the Conversions under the keys looked at, and which one stands for its key and for its event
-- Reads    own_request, audit.transition, audit.submission
-- Writes   conversion_request (temporary)
-- Grain    one row per Conversion of an event that has, or claims, a key looked at
create or replace temp table conversion_request as
with
own as (
    select CampaignId || '/' || ActionTrackerId || '/' || OrderId as key, * exclude (Type, created_at)
      from own_request
     where Type = 'Conversion'),
sent_before as (
    -- A second report of ours can be the first one's echo only if an earlier one may have arrived. Nobody asks it of
    -- what was not there already, and looking for a request's moves goes over all of them.
    select k.key
      from (select * from own where key in (select key from own where outcome = 'already_there')) as k
      join audit.transition as t using (request_id)
     where t.to_state in ('in_doubt', 'accepted')
     group by k.key
    having bool_or(t.to_state = 'in_doubt') or count(*) > 1),
-- The newest that is not withdrawn, else the newest. Ranking them by a window would sort all texts.
of_key as (
    select coalesce(max(request_id) filter (state <> 'withdrawn'), max(request_id)) as request_id from own group by key),
of_event as (
    select coalesce(max(request_id) filter (state <> 'withdrawn'), max(request_id)) as request_id
      from own
     group by event_id)
select r.*,
       b.key is not null as was_sent_before,
       s.Status = 'Complete' and coalesce(s.ErrorType, '') = '' and coalesce(s.ErrorReason, '') = '' as is_processed,
       s.CompletionDate as processed_at,
       r.request_id in (from of_key) as stands_for_key,
       r.request_id in (from of_event) as stands_for_event
  from own as r
  left join sent_before as b using (key)
  left join (select *
               from audit.submission
              where submission_id in (select submission_id from own where state = 'accepted')
            qualify row_number() over (partition by submission_id order by observed_at desc) = 1) as s
         using (submission_id)
