-- What     the changes of one object that were never answered, and in which slice they are
-- Reads    changes.change, conversions.cursor, decision, sliced
-- Writes   fresh_change (temporary)
-- Grain    one row per change
-- Binds    $object varchar; $after bigint: the newest decision before this call, or before one that was cut off
create or replace temp table fresh_change as
select s.slice, c.change_id, c.Id, c.kind, c.fields, c.occurred_at, c.detected_at, c.version_id, c.previous_version_id,
       c.history_id, c.previous_history_id, c.cycle_id
  from changes.change as c
  join sliced as s using (Id)
 where c.object = $object
   and c.change_id > coalesce((select change_id from conversions.cursor where object = $object), 0)
   and c.change_id not in (select change_id
                             from conversions.decision
                            where decision_id > $after
                              and object = $object)
