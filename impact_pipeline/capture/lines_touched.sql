-- What     notes the records whose lines have to be read as a set: they got new versions, or their lines did
-- Reads    {table}
-- Writes   raw._line_set
-- Grain    one row per record that isn't noted yet
-- Binds    $line varchar, $after bigint, the version before the first new one
insert into raw._line_set (line_object, record_id, version_id)
select $line, {record}, max("_version_id")
  from {table}
 where "_version_id" > $after
   and not "_is_first_load"
   and {record} is not null
 group by {record}
