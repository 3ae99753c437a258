-- What     takes out the records that have got a newer version, to make room for it
-- Reads    {version_table}
-- Writes   {table}
-- Binds    $after bigint
delete from {table}
 where "Id" in (select "Id"
                  from {version_table}
                 where "_version_id" > $after)
