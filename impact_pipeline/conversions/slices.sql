-- What     which records are answered together: all changes of a record, the records in the order of their changes; merged
--          ones first and together, also those without a change
-- Reads    changes.change, conversions.cursor, decision, waiting_pair; {merged}: the records of the object that were merged
-- Writes   sliced (temporary)
-- Grain    one row per record
-- Binds    $object varchar; $after, $until bigint: the newest decisions before and of a call that was cut off
--          $slice_size bigint: about how many changes are answered at a time, so that memory stays bounded
create or replace temp table sliced as
with
record as (
    select Id, sum(change_count) as change_count, min(started_at) as started_at
      from (select Id, count(*) as change_count, min(occurred_at) as started_at
              from changes.change
             where object = $object
               and change_id > coalesce((select change_id from conversions.cursor where object = $object), 0)
               and change_id not in (select change_id
                                       from conversions.decision
                                      where decision_id > $after
                                        and decision_id <= $until
                                        and object = $object)
             group by Id
             union all
            select Id, count(*), min(event_at) from waiting_pair group by Id)
     group by Id),
merged(Id) as (
    {merged})
select Id,
       case when Id in (from merged) then 0
            else (sum(change_count) over (order by started_at, Id rows unbounded preceding) - change_count) // $slice_size
       end::bigint as slice
  from record
union all
select distinct Id, 0
  from merged
 where Id not in (select Id from record)
   and exists (from record)
