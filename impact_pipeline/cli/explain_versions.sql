-- What     the versions of a record that were seen; only the warehouse itself has them
-- Reads    raw.<Object>_version
-- Grain    one row per version, oldest first
-- Binds    $Id varchar
select columns('^(_version_id|SystemModstamp|LastModifiedDate|_captured_at|_cycle_id|_is_first_load|_is_deleted)$')
  from raw.{version_table}
 where "Id" = $Id
 order by _version_id
