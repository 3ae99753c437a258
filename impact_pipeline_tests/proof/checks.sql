-- What     what breaks an invariant, as far as the warehouse tells it
-- Reads    outbox.request, audit.transition, attempt, conversions.*, reconciliation.totals, conversion_status
-- Grain    one row per violation: the invariant, and what is wrong
-- Binds    $parent_gap, $parent_wait interval; $skew interval: by how much our clock may have been set in between
with
move as (
    select t.*, r.Type, r.EventTypeCode, r.CustomerId, r.OrderId, r.has_click_id, r.created_at
      from audit.transition as t
      join outbox.request as r using (request_id)
     where r.Type = 'Conversion'),
intent as (
    select * from move where to_state = 'intended'),
-- How each earlier parent stood when a child was intended.
parent as (
    select i.transition_id, i.OrderId, i.moved_at, i.has_click_id, i.created_at, p.OrderId as parent,
           arg_max(p.to_state, p.transition_id) as state,
           max(p.moved_at) as stood_at
      from intent as i
      join move as p
        on p.CustomerId = i.CustomerId
       and p.transition_id < i.transition_id
       and p.request_id <> i.request_id
       and (i.EventTypeCode = 'Opportunity_Negotiation' and p.EventTypeCode = 'Lead_Qualified'
            or i.EventTypeCode = 'Opportunity_Closed Won' and p.EventTypeCode in ('Lead_Qualified', 'Opportunity_Negotiation'))
     group by all)
select 'V-5' as invariant, OrderId || ' was intended while its parent ' || parent || ' was ' || state as said
  from parent
 where state not in ('settled', 'withdrawn')
   and not (moved_at - created_at >= $parent_wait - $skew and has_click_id)
union all
select 'V-5', OrderId || ' was intended too soon after its parent ' || parent
  from parent
 where state = 'settled'
   and moved_at - stood_at < $parent_gap - $skew
union all
select 'V-8', 'file ' || name || ' is ' || state || ' in the end' from outbox.file where state not in ('settled', 'absent')
union all
select 'V-8', lane || ' is held by ' || run_id || ' in the end' from outbox.lease where run_id is not null
union all
select 'V-2', format('{} has {} live requests', event_id, count(*))
  from outbox.request
 where Type = 'Conversion' and state <> 'withdrawn'
 group by event_id
having count(*) > 1
union all
select 'V-2', format('{} has {} live requests', OrderId, count(*))
  from outbox.request
 where Type = 'Conversion' and state <> 'withdrawn'
 group by OrderId
having count(*) > 1
union all
select 'V-3', format('change {} of {} has {} current decisions', change_id, Id, count(*))
  from conversions.current_decision
 group by change_id, Id, event
having count(*) > 1
union all
select 'V-4', format('{} {} does not balance', EventTypeCode, month)
  from reconciliation.totals
 where expected_balance_count <> 0 or expected_balance_amount <> 0 or sent_balance_count <> 0
    or sent_balance_amount <> 0 or impact_difference is distinct from listed_difference
union all
select 'V-9', format('request {} is {}, and its history says {}', r.request_id, r.state, t.to_state)
  from outbox.request as r
  join (select request_id, arg_max(to_state, transition_id) as to_state from audit.transition group by all) as t
 using (request_id)
 where t.to_state <> r.state
union all
select 'V-9', format('request {} was {}, and its next move starts from {}', request_id, to_state, next_from_state)
  from (select request_id, to_state,
               lead(from_state) over (partition by request_id order by transition_id) as next_from_state
          from audit.transition)
 where next_from_state <> to_state
union all
-- Frozen at the first intent: whatever left for a request is the body that it has in the end. What provably did not
-- arrive and was taken back is as if it had never left.
select 'V-2', format('attempt {} for {} told something else than its request', a.attempt_id, r.OrderId)
  from audit.attempt as a
  join outbox.request as r using (request_id)
  left join (select request_id, run_id, max(transition_id) as intended_id
               from audit.transition
              where to_state = 'intended'
              group by all) as i
    on i.request_id = a.request_id and i.run_id = a.run_id
  left join (select request_id, max(transition_id) as again_id
               from audit.transition
              where reason = 'wanted_again'
              group by all) as w on w.request_id = a.request_id
 where a.payload_sha256 <> r.payload_sha256
   and coalesce(i.intended_id > w.again_id, true)
