-- What     how far everything had been looked at before this comparison
-- Reads    setting, reconciliation.cursor
-- Writes   seen (temporary)
-- Grain    one row
create or replace temp table seen as
select decision_id, transition_id, action_count,
       coalesce(observed_at, '-infinity') as observed_at,
       coalesce(wanted_at, '-infinity') as wanted_at
  from reconciliation.cursor
 where not (select is_full from setting)
 union all
select -1, -1, -1, '-infinity'::timestamptz, '-infinity'::timestamptz
  from setting
 where is_full
