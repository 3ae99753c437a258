-- What     the changes of a record; names of fields, never their values
-- Reads    changes.change
-- Grain    one row per change, oldest first
-- Binds    $object varchar, $Id varchar
select change_id, kind, fields, occurred_at, detected_at, cycle_id
  from changes.change
 where object = $object and "Id" = $Id
 order by occurred_at, change_id
