-- What     makes the last values of records that are gone their current rows, marked
-- Reads    temp table capture_changed, {past_table}
-- Writes   {table}
-- Grain    one row per record
-- Binds    $how varchar, $is_deleted boolean, $captured_at timestamptz, $cycle_id varchar
insert into {table}
       ({columns}, "_is_deleted", "_deleted_how", "_captured_at", "_fields", "_version_id",
        "_previous_version_id", "_cycle_id", "_is_first_load")
select {columns},
       $is_deleted,
       $how,
       $captured_at,
       "_fields",
       c.version_id,
       c.previous_version_id,
       $cycle_id,
       false
  from capture_changed as c
  join {past_table} as p on p."_version_id" = c.previous_version_id
