-- What     writes a version that is deleted of each record whose deletion getDeleted proves
-- Reads    {table}
-- Writes   {version_table}
-- Grain    one row per record not known to be deleted; its last values stay
-- Binds    $ids varchar[], $captured_at timestamptz, $cycle_id varchar
insert into {version_table}
       ({columns}, "_is_deleted", "_deleted_how", "_captured_at", "_fields", "_version_id",
        "_previous_version_id", "_cycle_id", "_is_first_load")
select {values},
       true,
       'getDeleted',
       $captured_at,
       o."_fields",
       nextval('raw.version_id'),
       o."_version_id",
       $cycle_id,
       false
  from {table} as o
 where o."Id" in (select unnest($ids))
   and not o."_is_deleted"
