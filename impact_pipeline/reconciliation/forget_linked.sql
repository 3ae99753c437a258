-- What     the fields of captured objects that refer to an object
-- Reads    raw._field
-- Grain    one row per object and field
-- Binds    $object varchar
select object, field
  from raw._field
 where list_contains(reference_to, $object)
   and missing_since is null
 order by all
