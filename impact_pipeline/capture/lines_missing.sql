-- What     the living lines of some records that reading the records' lines did not find
-- Reads    {records}, {lines}
-- Grain    one Id per line
-- Binds    $records varchar[], $found varchar[]
with
line as (
    select l."Id", l.{parent} as record_id, l."Id" in (select unnest($found)) as is_found
      from {lines} as l
     where l.{parent} in (select unnest($records))
       and not l."_is_deleted")
select l."Id"
  from line as l
  join {records} as r on r."Id" = l.record_id
 where not l.is_found
   and not (coalesce({has_lines}, false)
            and l.record_id not in (select record_id from line where is_found))
 order by 1
