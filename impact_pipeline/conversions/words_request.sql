-- What     a person's wish to take back what was reported of a record, as a change that decisions can be about
-- Reads    changes.change
-- Writes   changes.change
-- Grain    one row; returns its number
-- Binds    $object, $Id, $cycle_id varchar, $now timestamptz
insert into changes.change (object, Id, kind, fields, version_id, occurred_at, detected_at, cycle_id)
select $object, $Id, 'requested', [], max(version_id), $now, $now, $cycle_id
  from changes.change
 where object = $object
   and Id = $Id
returning change_id
