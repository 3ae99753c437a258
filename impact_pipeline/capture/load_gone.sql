-- What     writes a version of each living record that is gone: deleted on proof, or missing without one
-- Reads    {table}
-- Writes   {version_table}
-- Grain    one row per record that isn't known to be gone that way; its last values stay
-- Binds    $ids varchar[], $how varchar, $is_deleted boolean, $captured_at timestamptz, $cycle_id varchar
insert into {version_table}
       ({columns}, "_is_deleted", "_deleted_how", "_captured_at", "_fields", "_version_id",
        "_previous_version_id", "_cycle_id", "_is_first_load")
select {values},
       $is_deleted,
       $how,
       $captured_at,
       o."_fields",
       nextval('raw.version_id'),
       o."_version_id",
       $cycle_id,
       false
  from {table} as o
 where o."Id" in (select unnest($ids))
   and not o."_is_deleted"
   and ($is_deleted or o."_deleted_how" is null)
