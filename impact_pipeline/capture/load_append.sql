-- What     takes staged rows as the first versions of their records, each value with its type
-- Writes   {table}
-- Grain    one row per row that Salesforce sent
-- Binds    $file varchar, $captured_at timestamptz, $field_set_id integer, $cycle_id varchar
insert into {table}
       ({columns}, "_is_deleted", "_deleted_how", "_captured_at", "_fields", "_version_id",
        "_previous_version_id", "_cycle_id", "_is_first_load")
select {typed},
       {is_deleted},
       case when {is_deleted} then 'IsDeleted' end,
       $captured_at,
       $field_set_id,
       nextval('raw.version_id'),
       null,
       $cycle_id,
       true
  from {reader}
