-- What     the changes that the pairs are about
-- Reads    fresh_change, pair, changes.change
-- Writes   pair_change (temporary)
-- Grain    one row per change
create or replace temp table pair_change as
select *
  from fresh_change
union all
select c.change_id, c.Id, c.kind, c.fields, c.occurred_at, c.detected_at, c.version_id, c.previous_version_id,
       c.history_id, c.previous_history_id, c.cycle_id
  from changes.change as c
 where c.change_id in (select change_id from pair where role <> 'new')
