-- What     what is known of each request that has no final end yet: its queue record, its action, its proofs
-- Reads    outbox.request, file; audit.transition, current_submission, current_action; conversions.current_decision, wanted
-- Writes   sighting (temporary)
-- Grain    one row per request that is accepted, in doubt, refused or settled without credit
-- Binds    $event_types json, $reason_classes json, $gone bigint[]
create or replace temp table sighting as
with
event_type as (
    select unnest(from_json($event_types::json, '[{"code": "VARCHAR", "dedup_seconds": "BIGINT"}]'), recursive := true)),
reason_class as (
    select unnest(from_json($reason_classes::json, '[{"code": "VARCHAR", "class": "VARCHAR"}]'), recursive := true)),
open as (
    select r.*
      from outbox.request as r
     where r.state in ('accepted', 'in_doubt')
        or (r.Type = 'Conversion'
            and (r.state = 'refused' or (r.state = 'settled' and r.outcome <> 'credited')))),
resent as (
    select request_id, max(transition_id) as resent_id
      from audit.transition
     where reason = 'resent'
     group by all),
-- One that was never intended here was found there: by the submission of a file that an old copy replaced, or by others.
intent as (
    select o.request_id,
           coalesce(min(t.moved_at), any_value(o.intended_at)) as first_intended_at,
           -- Records from before a person had it sent anew belong to what was sent then.
           coalesce(min(t.moved_at) filter (where t.transition_id > n.resent_id), first_intended_at) as sent_since
      from open as o
      left join audit.transition as t on t.request_id = o.request_id and t.to_state = 'intended'
      left join resent as n on n.request_id = o.request_id
     group by all),
-- Clocks may differ by some minutes.
submission as (
    select o.request_id, s.*
      from open as o
      join intent as f using (request_id)
      join audit.current_submission as s
        on (o.state = 'accepted' and s.submission_id = o.submission_id)
        or ((o.state = 'in_doubt' or o.submission_id is null)
            and o.Type = 'Conversion' and s.Type = 'Conversion'
            and s.OrderId = o.OrderId
            and (s.ActionTrackerId = o.ActionTrackerId or s.EventCode = o.EventTypeCode)
            and s.submission_id is distinct from o.submission_id
            and s.SubmissionDate >= f.sent_since - interval 5 minutes)
     where o.state in ('accepted', 'in_doubt')
   qualify row_number() over (
               partition by o.request_id
               order by s.ErrorType is null desc, s.SubmissionDate desc, s.submission_id) = 1),
code as (
    select request_id, unnest(regexp_extract_all(ErrorReason, '[A-Za-z0-9_]+')) as code
      from submission),
ending as (
    select c.request_id,
           bool_or(k.class = 'already_there') as is_already_there,
           bool_or(k.class is null or k.class = 'fix') as is_to_be_fixed,
           string_agg(c.code, ' ' order by c.code) filter (where k.class is null) as unknown_codes
      from code as c
      left join reason_class as k on k.code = upper(c.code)
     group by all),
action as (
    select o.request_id,
           arg_max(a.action_id, (a.State <> 'REVERSED', a.CreationDate, a.action_id)) as action_id,
           min(a.CreationDate) as first_created_at
      from open as o
      join audit.current_action as a
        on a.CampaignId = o.CampaignId and a.ActionTrackerId = o.ActionTrackerId and a.Oid = o.OrderId
     where o.Type = 'Conversion'
     group by all),
live as (
    select distinct CampaignId, ActionTrackerId, Oid from audit.current_action where State <> 'REVERSED'),
told_action as (
    select o.request_id,
           -- One that impact.com moved to another partner is reversed as well, and what was to be taken back is not.
           case o.Type when 'Reversal' then a.State = 'REVERSED' and l.Oid is null
                       when 'Approval' then a.State = 'APPROVED'
                       else a.State <> 'REVERSED' and a.Amount = o.amount end as shows_it
      from open as o
      join audit.current_action as a using (action_id)
      left join live as l
        on l.CampaignId = o.CampaignId and l.ActionTrackerId = o.ActionTrackerId and l.Oid = o.OrderId
     where o.Type <> 'Conversion')
select o.request_id, o.Type, o.state, o.outcome, o.needs_person, o.attempt_count,
       o.intended_at, o.accepted_at,
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
       coalesce(o.group_id, '') in (select name from outbox.file where state <> 'absent') as is_in_file,
       f.first_intended_at + to_seconds(y.dedup_seconds / 2) as safe_until,
       coalesce(d.decision = 'send', false) and w.event_id is null as is_still_wanted
  from open as o
  join intent as f using (request_id)
  left join submission as s using (request_id)
  left join ending as e using (request_id)
  left join action as a using (request_id)
  left join told_action as t using (request_id)
  left join event_type as y on y.code = o.EventTypeCode
  left join conversions.current_decision as d on d.event_id = o.event_id and d.carries
  left join conversions.wanted as w on w.event_id = o.event_id and w.state = 'reversed'
qualify row_number() over (partition by o.request_id order by d.decision_id desc) = 1
