-- What     takes staged rows, gives each value its type, and says of each row whether some value doesn't fit
-- Writes   temp table capture_rows, in the order of reading
-- Grain    one row per row that Salesforce sent
-- Binds    $file varchar
select {typed},
       {is_deleted} as "_is_deleted",
       {misfits} as "_misfits",
       null::bigint as "_version_id",
       null::bigint as "_previous_version_id"
  from {reader}
