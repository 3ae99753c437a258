-- What     makes the new versions the current rows
-- Reads    {version_table}
-- Writes   {table}
-- Grain    one row per record: its newest version
-- Binds    $after bigint
insert into {table}
       ({columns}, "_is_deleted", "_deleted_how", "_captured_at", "_fields", "_version_id")
select {columns}, "_is_deleted", "_deleted_how", "_captured_at", "_fields", "_version_id"
  from {version_table}
 where "_version_id" > $after
qualify row_number() over (partition by "Id" order by "_version_id" desc) = 1
