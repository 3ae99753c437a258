-- What     finds the records whose set of lines changed
-- Reads    {item_version_table}, {record_table}, raw._field_set, raw._forgotten, changes.cursor
-- Writes   changes.change
-- Grain    one row per record and call; fields = the line fields that differ; lines of the first load are a baseline
-- Binds    $object varchar, $items varchar, $cycle_id varchar, $now timestamptz
insert into changes.change (object, Id, kind, fields, version_id, occurred_at, detected_at, cycle_id)
with
common as (
    select n.field_set_id as new_set, p.field_set_id as previous_set,
           {common}
      from raw._field_set as n, raw._field_set as p
     where n.object = $items and p.object = $items),
line as (
    select n.{parent} as parent,
           coalesce(n."LastModifiedDate", n."SystemModstamp") as modified_at,
           case when p."_version_id" is null or n."_is_deleted" is distinct from p."_is_deleted" then ['lines']
                else list_filter([{differing}], lambda f: f is not null) end as fields
      from {item_version_table} as n
      left join {item_version_table} as p on p."_version_id" = n."_previous_version_id"
      left join common as c on c.new_set = n."_fields" and c.previous_set = p."_fields"
     where n."_version_id" > coalesce((select version_id from changes.cursor where object = $items), 0)
       and not n."_is_first_load"
       and n.{parent} not in (select Id from raw._forgotten where object = $object and field = 'Id'))
select $object,
       l.parent,
       'items',
       list_sort(list_distinct(flatten(list(l.fields)))),
       any_value(r."_version_id"),
       max(l.modified_at),
       $now,
       $cycle_id
  from line as l
  join {record_table} as r on r."Id" = l.parent
 where len(l.fields) > 0
 group by l.parent
 order by l.parent
