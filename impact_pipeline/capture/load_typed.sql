-- What     takes staged rows and gives each value its type
-- Writes   temp table capture_rows, in the order of reading
-- Grain    one row per row that Salesforce sent
-- Binds    $file varchar
select {typed},
       {is_deleted} as "_is_deleted",
       null::bigint as "_version_id",
       null::bigint as "_previous_version_id"
  from {reader}
