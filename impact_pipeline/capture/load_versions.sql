-- What     writes a version of each record that differs from its newest one, or was captured with more fields
-- Reads    temp table capture_rows, {table}
-- Writes   {version_table}
-- Grain    one row per record version not seen before; a row older than the newest version is passed over
-- Binds    $captured_at timestamptz, $field_set_id integer, $growing integer[], $cycle_id varchar, $is_first_load boolean
insert into {version_table}
       ({columns}, "_is_deleted", "_deleted_how", "_captured_at", "_fields", "_version_id",
        "_previous_version_id", "_cycle_id", "_is_first_load")
select * exclude (previous_version_id),
       nextval('raw.version_id'),
       previous_version_id,
       $cycle_id,
       $is_first_load
  from (select {values},
               n."_is_deleted",
               case when n."_is_deleted" then 'IsDeleted' end as deleted_how,
               $captured_at as captured_at,
               $field_set_id as field_set_id,
               o."_version_id" as previous_version_id
          from capture_rows as n
          left join {table} as o on o."Id" = n."Id"
         where o."Id" is null
            or ((n.{stamp} < o.{stamp}) is not true
                and (n."_is_deleted" is distinct from o."_is_deleted"
                     or o."_deleted_how" is not null and not o."_is_deleted"
                     or list_contains($growing, o."_fields")
                     or {differs}))
         order by n.{stamp}, n."Id")
