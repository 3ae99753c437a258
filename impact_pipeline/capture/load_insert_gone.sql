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
       nextval('raw.version_id'),
       "_version_id",
       $cycle_id,
       false
  from {past_table}
 where "_version_id" in (select previous_version_id
                           from capture_changed)
