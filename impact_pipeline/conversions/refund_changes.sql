-- What     the records that a fresh change of another record refunds, or no longer does, as changes of their own
-- Reads    changes.change, conversions.cursor, {table}, {versions}
-- Writes   changes.change
-- Grain    one row per record and cycle
-- Binds    $object varchar, $now timestamptz
insert into changes.change (object, Id, kind, fields, version_id, occurred_at, detected_at, cycle_id)
with
linked as (
    select c.cycle_id, c.occurred_at, c.Id as refund_id, unnest([v.{link}, p.{link}]) as Id
      from changes.change as c
      join {versions} as v on v."_version_id" = c.version_id
      left join {versions} as p on p."_version_id" = c.previous_version_id
     where c.object = $object
       and c.change_id > coalesce((select change_id from conversions.cursor where object = $object), 0)
       and c.kind in ('created', 'appeared', 'updated', 'deleted', 'undeleted', 'items'))
select $object, l.Id, 'refund', [], any_value(o."_version_id"), max(l.occurred_at), $now, l.cycle_id
  from linked as l
  join {table} as o on o."Id" = l.Id
 where l.Id <> l.refund_id
   and not exists (
           select 1
             from changes.change as k
            where k.object = $object and k.Id = l.Id and k.kind = 'refund' and k.cycle_id = l.cycle_id)
 group by l.Id, l.cycle_id
 order by l.Id, l.cycle_id
