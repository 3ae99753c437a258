-- What     lists the withdrawal of conversions that wait to be sent and are no longer to be; what may have arrived, as it
--          is sent again without a proof, goes on and is corrected
-- Reads    outbox.request, sendable, conversions.current_decision; audit.transition
-- Writes   move
-- Grain    one row per request; reason = that of the decision which took its place
insert into move by name
with
unwanted as (
    select r.request_id, r.event_id
      from outbox.request as r
      anti join sendable as s on s.event_id = r.event_id
     where r.Type = 'Conversion'
       and r.state = 'ready'),
unproven as (
    select request_id
      from audit.transition
     where request_id in (select request_id from unwanted)
       and reason in ('inside_dedup_window', 'no_trace', 'resent')
     group by request_id
    having arg_max(reason, transition_id) = 'inside_dedup_window')
select r.request_id,
       'ready' as from_state,
       'withdrawn' as to_state,
       case when d.decision = 'send' then coalesce(d.correction, 'condition_lost')
            else coalesce(d.reason, 'not_expected') end as reason,
       true as is_thawed
  from (select * from unwanted anti join unproven using (request_id)) as r
  left join (select event_id,
                    arg_max(decision, decision_id) filter (where carries) as decision,
                    arg_max(reason, decision_id) filter (where carries) as reason,
                    arg_max(reason, decision_id) filter (where decision = 'correct') as correction
               from conversions.current_decision
              where event_id in (select event_id from unwanted)
              group by event_id) as d on d.event_id = r.event_id
