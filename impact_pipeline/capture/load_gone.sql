-- What     finds the current rows of records that are gone
-- Reads    {table}
-- Writes   temp table capture_changed
-- Grain    one row per record that isn't known to be gone that way
-- Binds    $ids varchar[], $is_deleted boolean
create or replace temp table capture_changed as
select o."_version_id" as previous_version_id, nextval('raw.version_id') as version_id
  from {table} as o
 where o."Id" in (select unnest($ids))
   and not o."_is_deleted"
   and ($is_deleted or o."_deleted_how" is null)
