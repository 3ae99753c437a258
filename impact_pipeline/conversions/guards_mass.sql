-- What     the watched fields that changed on too many records of an object at once
-- Reads    changes.change, conversions.cursor, raw.*
-- Writes   mass (temporary)
-- Grain    one row per object and field
-- Binds    $objects, $fields varchar[]: the watched fields; $share double; $least bigint: fewer records are no mass
create or replace temp table mass as
with
watched as (
    select unnest($objects) as object, unnest($fields) as field),
moved as (
    select c.object, c.Id, unnest(case when c.kind = 'items' then ['items'] else c.fields end) as field
      from changes.change as c
      left join conversions.cursor as b using (object)
     where c.change_id > coalesce(b.change_id, 0)
       -- Told apart from the other bound, as only this one keeps what was answered long ago from being read.
       and c.change_id > (select min(coalesce(a.change_id, 0)) from watched left join conversions.cursor as a using (object))
       -- The first stage of a record is no change of it.
       and not (c.kind = 'history' and c.previous_history_id is null and c.before[c.fields[1]] is null)),
counted as (
    select object, field, count(distinct Id) as moved_count
      from moved
      join watched using (object, field)
     group by all),
record as (
    {records})
select object, field, moved_count, record_count
  from counted
  join record using (object)
 where moved_count >= $least
   and moved_count > $share * record_count
