-- What     the Conversions under the keys looked at, and which one stands for its key and for its event
-- Reads    scope, outbox.request, audit.transition, audit.submission
-- Writes   conversion_request (temporary)
-- Grain    one row per Conversion of an event that has, or claims, a key looked at
create or replace temp table conversion_request as
with
own as (
    select CampaignId || '/' || ActionTrackerId || '/' || OrderId as key,
           request_id, event_id, object, Id, event, CampaignId, ActionTrackerId, EventTypeCode, OrderId, EventDate, event_at,
           CurrencyCode, amount, state, outcome, reason, wait, needs_person, due_at, accepted_at, settled_at, submission_id
      from outbox.request
     where Type = 'Conversion'
       and event_id in (select event_id from scope)),
sent_before as (
    -- A second report of ours can be the first one's echo only if an earlier one may have arrived.
    select k.key
      from own as k
      join audit.transition as t using (request_id)
     where t.to_state in ('in_doubt', 'accepted')
     group by k.key
    having bool_or(t.to_state = 'in_doubt') or count(*) > 1)
select r.*,
       b.key is not null as was_sent_before,
       s.Status = 'Complete' and coalesce(s.ErrorType, '') = '' and coalesce(s.ErrorReason, '') = '' as is_processed,
       s.CompletionDate as processed_at,
       row_number() over (partition by r.key order by r.state = 'withdrawn', r.request_id desc) = 1 as stands_for_key,
       row_number() over (partition by r.event_id order by r.state = 'withdrawn', r.request_id desc) = 1 as stands_for_event
  from own as r
  left join sent_before as b using (key)
  left join (select *
               from audit.submission
              where submission_id in (select submission_id from own where state = 'accepted')
            qualify row_number() over (partition by submission_id order by observed_at desc) = 1) as s
         using (submission_id)
