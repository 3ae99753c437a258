-- What     how many requests each check of the outbox finds
-- Reads    outbox.request, audit.transition
-- Grain    one row per check
-- Binds    $states, $outcomes varchar[], $doubt_since, $accepted_since timestamptz
with
newest as (
    select request_id, arg_max(to_state, transition_id) as to_state
      from audit.transition
     group by all),
live as (
    select event_id, CampaignId, ActionTrackerId, OrderId
      from outbox.request
     where Type = 'Conversion'
       and state <> 'withdrawn')
select 'states_are_legal', count(*)
  from outbox.request
 where not list_contains($states::varchar[], state)
    or (state = 'settled') <> (outcome is not null)
    or not list_contains($outcomes::varchar[], coalesce(outcome, 'credited'))
union all
select 'history_agrees', count(*)
  from outbox.request as r
  left join newest as n using (request_id)
 where n.to_state is distinct from r.state
union all
select 'keys_are_unique',
       (select count(*) - count(distinct event_id) from live)
       + (select count(*) - count(distinct (CampaignId, ActionTrackerId, OrderId)) from live)
union all
select 'doubts_are_young', count(*) from outbox.request where state = 'in_doubt' and intended_at < $doubt_since
union all
select 'ends_are_known', count(*) from outbox.request where state = 'accepted' and accepted_at < $accepted_since
union all
select 'nobody_is_needed', count(*) from outbox.request where needs_person
union all
select 'nothing_is_refused', count(*)
  from outbox.request
 where state = 'refused'
    or outcome = 'rejected'
union all
select 'codes_are_known', count(distinct request_id) from audit.transition where contains(detail, 'unknown code ')
