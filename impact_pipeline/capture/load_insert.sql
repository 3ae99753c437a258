-- What     makes the marked rows the current ones
-- Reads    temp table capture_rows, {past_table}
-- Writes   {table}
-- Grain    one row per record: its newest version
-- Binds    $captured_at timestamptz, $field_set_id integer, $cycle_id varchar, $is_first_load boolean
insert into {table}
       ({columns}, "_is_deleted", "_deleted_how", "_captured_at", "_fields", "_version_id",
        "_previous_version_id", "_cycle_id", "_is_first_load")
select {values},
       n."_is_deleted",
       case when n."_is_deleted" then 'IsDeleted' end,
       $captured_at,
       $field_set_id,
       n."_version_id",
       n."_previous_version_id",
       $cycle_id,
       $is_first_load
  from capture_rows as n
  {before}
 where n."_version_id" is not null
