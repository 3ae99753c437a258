-- What     appends the actions that differ from what was known of them
-- Reads    listed_action, audit.action
-- Writes   audit.action
-- Grain    one row per action that is new or differs
-- Binds    $run_id varchar, $now timestamptz
insert into audit.action
select n.*, $now as observed_at, $run_id as run_id
  from listed_action as n
  anti join (
           select a.* exclude (observed_at, run_id)
             from audit.action as a
             semi join listed_action as l using (action_id)
          qualify row_number() over (partition by a.action_id order by a.observed_at desc, a.rowid desc) = 1) as k
    on k.action_id = n.action_id
   and k is not distinct from n
