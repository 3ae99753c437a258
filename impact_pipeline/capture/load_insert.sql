-- What     makes the changed rows the current ones
-- Reads    temp tables capture_changed and capture_rows, {past_table}
-- Writes   {table}
-- Grain    one row per record: its newest version
-- Binds    $captured_at timestamptz, $field_set_id integer, $cycle_id varchar, $is_first_load boolean
insert into {table}
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
               c.previous_version_id
          from capture_rows as n
          join capture_changed as c on c.row_number = n.rowid
          {before}
         {order})
