-- What     what was wanted of a reported event after it was sent, and how far the corrections got
-- Reads    conversion_request, expected, own_request, own_decision, conversions.wanted
-- Writes   corrected (temporary)
-- Grain    one row per event that was, or should have been, corrected
create or replace temp table corrected as
with
looked_at as (
    select event_id from conversion_request
     union
    select event_id from expected),
asked as (
    select event_id,
           count(*) filter (state <> 'withdrawn') as correction_count,
           coalesce(bool_or(state in ('ready', 'intended', 'accepted', 'in_doubt')), false) as is_under_way,
           coalesce(bool_or(needs_person and state in ('ready', 'intended', 'accepted', 'in_doubt')), false)
               as needs_person,
           coalesce(bool_or(Type = 'Reversal' and state = 'settled' and outcome in ('credited', 'already_there')), false)
               as is_reversed,
           -- Until it leaves, it is brought up to what is wanted.
           max(coalesce(intended_at, created_at)) filter (state <> 'withdrawn') as asked_at,
           arg_max(coalesce(wait, reason, state), request_id) filter (state <> 'withdrawn') as why
      from own_request
     where Type <> 'Conversion'
       and event_id in (from looked_at)
     group by event_id),
decided as (
    -- The newest word on what a later change means for the event; the carrying decision is not one.
    select event_id, decision, reason
      from own_decision
     where not carries
       and event_id in (from looked_at)
       and (decision in ('correct', 'hold') or reason in ('action_locked', 'nothing_to_correct'))
   qualify row_number() over (partition by event_id order by change_id desc, decision_id desc) = 1)
select event_id,
       coalesce(a.correction_count, 0) as correction_count,
       coalesce(a.is_under_way, false) as is_under_way,
       coalesce(a.needs_person, false) as needs_person,
       coalesce(a.is_reversed, false) as is_reversed,
       a.why,
       w.state as wanted_state,
       w.amount as wanted_amount,
       w.wanted_at,
       coalesce(w.wanted_at > a.asked_at, w.wanted_at is not null) as is_not_asked_yet,
       d.decision,
       d.reason
  from asked as a
  full join (select * from conversions.wanted where event_id in (select event_id from looked_at)) as w using (event_id)
  full join decided as d using (event_id)
