-- What     puts each key into the first class that fits
-- Reads    setting, fact
-- Writes   classified (temporary)
-- Grain    one row per key
-- Rules    the order of the lines is the order of reconciliation.class
create or replace temp table classified as
with
weighed as (
    select f.*,
           s.now, s.time_zone, s.ready_wait, s.action_wait, s.ending_wait, s.lock_warning,
           live_count + reversed_count > 0 as is_known_there,
           state in ('accepted', 'settled') and live_count + reversed_count = 0 as has_no_trace,
           coalesce(settled_at, processed_at, accepted_at) as ended_at,
           -- Wanted and not shown, in what a correction could still change.
           wanted_state is not null and live_count > 0 and (is_reversed_here or differs) as lacks_correction
      from fact as f
     cross join setting as s),
placed as (
    select w.*,
           case
               when is_erased then 'erased'
               when is_known_there and bucket in ('held', 'withdrawn', 'missing', 'unexpected') then 'unexpected_action'
               when live_count > 1 then 'duplicate_action'
               when bucket = 'missing' then 'not_in_outbox'
               when is_requested and not is_expected and state <> 'withdrawn' then 'no_longer_expected'
               when bucket = 'held' then 'held'
               when bucket = 'withdrawn' then 'withdrawn'
               when bucket = 'waiting' then 'waiting'
               when state = 'in_doubt' then 'in_doubt'
               when bucket = 'refused' then 'refused'
               when has_no_trace and state = 'accepted' and not is_processed and now - accepted_at <= ending_wait
                   then 'unconfirmed'
               when has_no_trace and (state = 'accepted' and not is_processed or outcome in ('end_unknown', 'no_trace'))
                   then 'end_unknown'
               when outcome = 'not_credited' and live_count = 0 and request_reason is distinct from 'no_action' then 'not_credited'
               when outcome = 'already_there' and not was_sent_before then 'reported_elsewhere'
               when has_no_trace and (state = 'accepted' or outcome in ('credited', 'already_there', 'not_credited')) then
                   case when request_reason is not distinct from 'no_action' or now - ended_at > action_wait then 'missing_action'
                        else 'unconfirmed' end
               when live_count > 0 and not is_locked
                    and (is_under_way or correction_is_held or lacks_correction and is_asked_next) then 'correction_open'
               when live_count > 0 and is_locked
                    and (lacks_correction or is_under_way or correction_is_held or correction_reason = 'action_locked')
                   then 'locked_with_difference'
               when live_count = 0 and reversed_count > 0 and not is_reversed_here then 'state_differs'
               when live_count = 1 and is_reversed_here then 'state_differs'
               when live_count = 1 and differs then 'amount_differs'
               when live_count = 0 and reversed_count > 0 then 'reversed'
               when live_count = 1 and reversed_count > 0 then 'reattributed'
               when live_count = 1 then 'matched'
           end as class
      from weighed as w),
explained as (
    select p.*,
           case class
               when 'unexpected_action' then
                   case
                       when is_registered or happened_at < go_live_at then 'before_go_live'
                       when origin is not null then origin
                       when type_owner = 'tag' or not type_is_ours then 'tag'
                       else 'unknown'
                   end
               when 'held' then decision_reason
               when 'withdrawn' then coalesce(request_reason, correction_reason)
               when 'waiting' then coalesce(wait, state)
               when 'in_doubt' then case when needs_person then 'needs_person' end
               when 'refused' then request_reason
               when 'unconfirmed' then case when state = 'settled' or is_processed then 'awaiting_action' end
               when 'end_unknown' then coalesce(outcome, 'not_processed')
               when 'not_credited' then request_reason
               when 'correction_open' then
                   case when is_under_way then correction_why when correction_is_held then correction_reason else 'not_queued' end
               when 'locked_with_difference' then coalesce(correction_reason, correction_why)
               when 'state_differs' then case when live_count = 0 then 'reversed_there' else 'reversed_here' end
               when 'amount_differs' then case when is_locked then 'locked' end
           end as why
      from placed as p)
select e.*,
       coalesce(case class
           when 'unexpected_action' then why = 'unknown'
           when 'waiting' then coalesce(wait = 'parent_unsettled', false) or needs_person or now - due_at > ready_wait
           when 'in_doubt' then needs_person
           when 'correction_open' then
               not is_under_way and coalesce(correction_is_held, false)
               or correction_needs_person
               or coalesce(LockingDate - now <= lock_warning, false)
           else class in ('duplicate_action', 'not_in_outbox', 'no_longer_expected', 'held', 'refused', 'end_unknown',
                          'reported_elsewhere', 'missing_action', 'locked_with_difference', 'state_differs',
                          'amount_differs')
       end, false) as is_open,
       -- The times at which the answers above may change by themselves. Rows under way are looked at every time.
       least(case when ended_at + action_wait >= now and class = 'unconfirmed' then ended_at + action_wait end,
             next_locking_at,
             case when LockingDate - lock_warning > now and class = 'correction_open' then LockingDate - lock_warning end)
           as next_look_at
  from explained as e
