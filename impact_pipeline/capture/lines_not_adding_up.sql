-- What     the living records whose amount is not the sum of their lines, or that have lines which are not here
-- Reads    {records}, {lines}, raw._forgotten
-- Grain    one Id per record
-- Binds    $records varchar[] (null: all records)
with
summed as (
    select l.{parent} as record_id, sum(l.{line_amount}) as amount
      from {lines} as l
     where not l."_is_deleted"
       and ($records is null or l.{parent} in (select unnest($records)))
     group by all)
select r."Id"
  from {records} as r
  left join summed as s on s.record_id = r."Id"
 where not r."_is_deleted"
   and ($records is null or r."Id" in (select unnest($records)))
   and r."Id" not in (select Id from raw._forgotten)
   and (r.{flag} is distinct from (s.record_id is not null)
        or s.record_id is not null and r.{amount} is distinct from s.amount)
 order by 1
