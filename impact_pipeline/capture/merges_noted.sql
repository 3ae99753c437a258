-- What     notes the losers of merges that new versions tell of
-- Reads    {table}
-- Writes   raw._line_set
-- Grain    one row per loser and field that refers to such records
-- Binds    $name varchar, $after bigint, the version before the first new one
insert into raw._line_set (line_object, record_id, version_id)
select $name, "Id", "_version_id"
  from {table}
 where "_version_id" > $after
   and "MasterRecordId" is not null
