-- What     the changes of one object that only follow a renamed value, and in which fields
-- Reads    pair, changes.change, rename, {versions}
-- Writes   renamed (temporary)
-- Grain    one row per change
-- Binds    $object varchar
insert into renamed
select c.change_id, list(distinct r.field) as fields, bool_and(r.is_accepted) as is_accepted
  from (select distinct change_id from pair) as q
  join changes.change as c using (change_id)
  join rename as r on r.object = $object and c.before[r.field] = r.old_name and c.after[r.field] = r.new_name
  -- A record that was seen under the old name after the rename has another value of that name.
  join {versions} as p on p."_version_id" = c.previous_version_id and p.SystemModstamp <= r.renamed_at
 where c.kind in ('updated', 'converted')
 group by c.change_id
