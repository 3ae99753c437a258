-- What     the changes of one slice of an object that were never answered
-- Reads    changes.change, conversions.cursor, decision, sliced
-- Writes   fresh_change (temporary)
-- Grain    one row per change
-- Binds    $object varchar, $slice bigint; $after, $until bigint: the newest decisions before and of a call that was cut off
create or replace temp table fresh_change as
select c.change_id, c.Id, c.kind, c.fields, c.occurred_at, c.detected_at, c.version_id, c.previous_version_id,
       c.history_id, c.previous_history_id, c.cycle_id
  from changes.change as c
 where c.object = $object
   and c.Id in (select Id from sliced where slice = $slice)
   and c.change_id > coalesce((select change_id from conversions.cursor where object = $object), 0)
   and c.change_id not in (select change_id
                             from conversions.decision
                            where decision_id > $after
                              and decision_id <= $until
                              and object = $object)
