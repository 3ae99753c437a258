-- What     makes the moves
-- Reads    move_in_force
-- Writes   outbox.request
-- Grain    one row per move
-- Binds    $run_id varchar, $now timestamptz, $token bigint
update outbox.request as r
   set state = m.to_state,
       outcome = m.outcome,
       reason = m.reason,
       wait = m.wait,
       due_at = coalesce(m.due_at, r.due_at),
       next_look_at = case when m.to_state in ('accepted', 'in_doubt') then coalesce(m.next_look_at, r.next_look_at) end,
       needs_person = coalesce(m.needs_person, false),
       attempt_count = r.attempt_count + coalesce(m.attempts, 0),
       group_id = coalesce(m.group_id, r.group_id),
       lease_token = case when m.to_state = 'intended' then $token else r.lease_token end,
       run_id = $run_id,
       submission_id = coalesce(m.submission_id, r.submission_id),
       action_id = coalesce(m.action_id, r.action_id),
       intended_at = case when m.to_state = 'intended' then $now
                          when not coalesce(m.is_thawed, false) then coalesce(m.intended_at, r.intended_at) end,
       accepted_at = case when m.to_state = 'accepted' then $now else r.accepted_at end,
       settled_at = case when m.to_state = 'settled' then $now
                         when m.to_state = 'ready' then null
                         else r.settled_at end
  from move_in_force as m
 where r.request_id = m.request_id
