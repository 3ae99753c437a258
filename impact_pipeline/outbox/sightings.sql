-- What     what is known of each request that has no final end yet: its queue record, its action, its proofs
-- Reads    open_request; audit.transition, submission, action; conversions.decision, wanted
-- Writes   sighting (temporary)
-- Grain    one row per open request
-- Binds    $event_types json, $reason_classes json, $gone bigint[]
create or replace temp table sighting as
with
event_type as (
    select unnest(from_json($event_types::json, '[{"code": "VARCHAR", "dedup_seconds": "BIGINT"}]'), recursive := true)),
reason_class as (
    select unnest(from_json($reason_classes::json, '[{"code": "VARCHAR", "class": "VARCHAR"}]'), recursive := true)),
moved as (
    select request_id, transition_id, to_state, reason, moved_at
      from audit.transition
     where (to_state = 'intended' or reason = 'resent')
       and request_id in (select request_id from open_request)),
-- One that was never intended here was found there: by the submission of a file that an old copy replaced, or by others.
intent as (
    select o.request_id,
           coalesce(min(t.moved_at) filter (where t.to_state = 'intended'), any_value(o.intended_at)) as first_intended_at,
           -- Records from before a person had it sent anew belong to what was sent then.
           coalesce(min(t.moved_at) filter (where t.to_state = 'intended' and t.transition_id > n.resent_id),
                    first_intended_at) as sent_since
      from open_request as o
      left join moved as t using (request_id)
      left join (select request_id, max(transition_id) as resent_id from moved where reason = 'resent' group by all) as n
     using (request_id)
     group by o.request_id),
-- As audit.current_submission and current_action, which can not be asked for some keys only without all others.
record as (
    select submission_id, Type, ActionTrackerId, EventCode, OrderId, Status, ErrorType, ErrorReason, SubmissionDate, CompletionDate
      from audit.submission
     where OrderId in (select OrderId from open_request where state in ('accepted', 'in_doubt'))
        or submission_id in (select submission_id from open_request where state = 'accepted')
   qualify row_number() over (partition by submission_id order by observed_at desc) = 1),
known_action as (
    select action_id, CampaignId, ActionTrackerId, Oid, State, Amount, CreationDate
      from audit.action
     where Oid in (select OrderId from open_request)
        or action_id in (select action_id from open_request)
   qualify row_number() over (partition by action_id order by observed_at desc) = 1),
-- Clocks may differ by some minutes.
submission as (
    select o.request_id, s.*
      from open_request as o
      join record as s using (submission_id)
     where o.state = 'accepted'
     union all
    select o.request_id, s.*
      from open_request as o
      join intent as f using (request_id)
      join record as s using (OrderId)
     where o.state in ('accepted', 'in_doubt')
       and (o.state = 'in_doubt' or o.submission_id is null)
       and o.Type = 'Conversion' and s.Type = 'Conversion'
       and (s.ActionTrackerId = o.ActionTrackerId or s.EventCode = o.EventTypeCode)
       and s.submission_id is distinct from o.submission_id
       and s.SubmissionDate >= f.sent_since - interval 5 minutes),
ended as (
    select *
      from submission
   qualify row_number() over (
               partition by request_id
               order by ErrorType is null desc, SubmissionDate desc, submission_id) = 1),
ending as (
    select c.request_id,
           bool_or(k.class = 'already_there') as is_already_there,
           bool_or(k.class is null or k.class = 'fix') as is_to_be_fixed,
           string_agg(c.code, ' ' order by c.code) filter (where k.class is null) as unknown_codes
      from (select request_id, unnest(regexp_extract_all(ErrorReason, '[A-Za-z0-9_]+')) as code from ended) as c
      left join reason_class as k on k.code = upper(c.code)
     group by all),
action as (
    select o.request_id,
           arg_max(a.action_id, (a.State <> 'REVERSED', a.CreationDate, a.action_id)) as action_id,
           min(a.CreationDate) as first_created_at
      from open_request as o
      join known_action as a
        on a.CampaignId = o.CampaignId and a.ActionTrackerId = o.ActionTrackerId and a.Oid = o.OrderId
     where o.Type = 'Conversion'
     group by all),
told_action as (
    select o.request_id,
           -- One that impact.com moved to another partner is reversed as well, and what was to be taken back is not.
           case o.Type when 'Reversal' then a.State = 'REVERSED' and l.Oid is null
                       when 'Approval' then a.State = 'APPROVED'
                       else a.State <> 'REVERSED' and a.Amount = o.amount end as shows_it,
           f.reversed_at
      from open_request as o
      join known_action as a using (action_id)
      left join (select action_id, min(observed_at) as reversed_at
                   from audit.action
                  where action_id in (select action_id from open_request)
                    and State = 'REVERSED'
                  group by action_id) as f using (action_id)
      left join (select distinct CampaignId, ActionTrackerId, Oid from known_action where State <> 'REVERSED') as l
        on l.CampaignId = o.CampaignId and l.ActionTrackerId = o.ActionTrackerId and l.Oid = o.OrderId
     where o.Type <> 'Conversion'),
carrying as (
    select decision_id, event_id, decision
      from conversions.decision
     where carries
       and event_id in (select event_id from open_request)),
decided as (
    select event_id, arg_max(decision, decision_id) as decision
      from carrying
     where decision_id not in (select previous_decision_id
                                 from conversions.decision
                                where previous_decision_id in (select decision_id from carrying))
     group by all)
select o.* exclude (submission_id, action_id),
       s.submission_id, s.Status = 'Complete' as is_complete, s.CompletionDate, s.ErrorType, s.ErrorReason,
       s.ErrorType is not null or s.ErrorReason is not null as has_error,
       coalesce(e.is_already_there, false) as is_already_there,
       coalesce(e.is_to_be_fixed, true) as is_to_be_fixed,
       e.unknown_codes,
       list_contains($gone::bigint[], o.request_id) as is_gone,
       a.action_id,
       -- The key's first action is younger than our first intent: it is ours. Else somebody was faster.
       a.first_created_at >= f.first_intended_at - interval 5 minutes as action_is_ours,
       coalesce(t.shows_it, false) as action_shows_it,
       t.reversed_at as action_reversed_at,
       f.first_intended_at + to_seconds(y.dedup_seconds / 2) as safe_until,
       coalesce(d.decision = 'send', false) and w.event_id is null as is_still_wanted
  from open_request as o
  join intent as f using (request_id)
  left join ended as s using (request_id)
  left join ending as e using (request_id)
  left join action as a using (request_id)
  left join told_action as t using (request_id)
  left join event_type as y on y.code = o.EventTypeCode
  left join decided as d on d.event_id = o.event_id
  left join conversions.wanted as w on w.event_id = o.event_id and w.state = 'reversed'
