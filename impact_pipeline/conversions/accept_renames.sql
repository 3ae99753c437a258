-- What     the renamed values that decisions wait for, each with what waits
-- Reads    rename, conversions.current_decision, changes.change
-- Grain    one row per rename
-- Binds    $object, $event varchar: only of these; null: all
select r.object, r.field, r.old_name, r.new_name, r.subject, count(*) as row_count
  from conversions.current_decision as d
  join changes.change as c using (change_id)
  join rename as r on r.object = d.object and c.before[r.field] = r.old_name and c.after[r.field] = r.new_name
 where d.decision = 'hold'
   and d.reason = 'value_renamed'
   and not r.is_accepted
   and ($object::varchar is null or d.object = $object)
   and ($event::varchar is null or d.event = $event)
 group by all
 order by all
