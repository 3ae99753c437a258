-- What     the living records that changed, or whose lines did, since a version
-- Reads    {records}, {record_versions}, {line_versions}
-- Grain    one Id per record
-- Binds    $after bigint
select r."Id"
  from {records} as r
 where not r."_is_deleted"
   and r."Id" in (select "Id"
                    from {record_versions}
                   where "_version_id" > $after and not "_is_first_load"
                  union all
                  select {parent}
                    from {line_versions}
                   where "_version_id" > $after and not "_is_first_load")
 order by 1
