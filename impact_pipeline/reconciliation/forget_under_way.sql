-- What     how many conversions of the record may have to be sent again, with the body that they had
-- Reads    outbox.request
-- Grain    one row
-- Binds    $object, $id varchar
select count(*)
  from outbox.request
 where object = $object
   and Id = $id
   and Type = 'Conversion'
   and (state = 'intended' or state = 'in_doubt' and not needs_person)
