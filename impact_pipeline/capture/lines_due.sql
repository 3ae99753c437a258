-- What     the records that are noted in raw._line_set and whose set of lines isn't known to be whole
-- Reads    raw._line_set, {records}, {lines}
-- Grain    one row per living record
-- Binds    $line varchar, $cycle_id varchar
with
noted as (
    select distinct record_id
      from raw._line_set
     where line_object = $line),
held as (
    select l.{parent} as record_id,
           {line_amount} as amount,
           -- Each line that this cycle has written came from Salesforce a moment ago.
           bool_or(l."_cycle_id" <> $cycle_id) as is_older
      from {lines} as l
     where not l."_is_deleted"
       and l.{parent} in (select record_id from noted)
     group by l.{parent})
select r."Id"
  from {records} as r
  left join held as h on h.record_id = r."Id"
 where r."Id" in (select record_id from noted)
   and not r."_is_deleted"
   and not ({adds_up} and h.is_older is distinct from true)
 order by 1
