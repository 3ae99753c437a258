-- What     tells the moves
-- Reads    move_in_force
-- Writes   audit.transition
-- Grain    one row per move
-- Binds    $run_id varchar, $now timestamptz, $decided_by varchar
insert into audit.transition
       (request_id, from_state, to_state, outcome, reason, detail, run_id, decided_by, moved_at)
select request_id, from_state, to_state, outcome, reason, detail, $run_id, $decided_by, $now
  from move_in_force
 order by request_id
