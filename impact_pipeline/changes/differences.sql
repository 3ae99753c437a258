-- What     compares the new versions of one object with the versions before them
-- Reads    {version_table}, {past_table}, raw._field_set, raw._forgotten, audit.extraction, changes.cursor
-- Writes   changes.change
-- Grain    one row per version that differs in a captured field, was deleted or undeleted, or has no version before it
-- Binds    $object varchar, $cycle_id varchar, $now timestamptz
insert into changes.change
       (object, Id, kind, fields, before, after, version_id, previous_version_id, occurred_at, detected_at, cycle_id)
with
fresh as (
    select *
      from {version_table}
     where "_version_id" > coalesce((select version_id from changes.cursor where object = $object), 0)
       and "Id" not in (select Id from raw._forgotten where object = $object and field = 'Id')),
common as (
    select n.field_set_id as new_set, p.field_set_id as previous_set,
           {common}
      from raw._field_set as n, raw._field_set as p
     where n.object = $object and p.object = $object),
compared as (
    select n."_version_id" as version_id,
           n."_previous_version_id" as previous_version_id,
           n."Id" as id,
           n."_cycle_id" as captured_in,
           n."_is_first_load" as is_first_load,
           n."CreatedDate" as created_date,
           -- A stamp that did not move tells no time: what differs was found, not written (a formula, a missing record).
           case when n.{stamp} is distinct from p.{stamp} then {modified} end as modified_date,
           case when p."_version_id" is null then null
                when n."_is_deleted" and not p."_is_deleted" then case when {merged} then 'merged' else 'deleted' end
                when not n."_is_deleted" and p."_is_deleted" then 'undeleted'
                -- Missing without proof: told apart from what is deleted by its version.
                when n."_deleted_how" is not null and p."_deleted_how" is null then 'deleted'
                when {converted} then 'converted'
                when {any_differs} then 'updated'
                else 'same' end as kind,
           case when p."_version_id" is not null and ({any_differs}) then list_filter([
           {structs}],
           lambda d: d is not null) else [] end as differences
      from fresh as n
      -- What a version was preceded by has been superseded.
      left join {past_table} as p on p."_version_id" = n."_previous_version_id"
      left join common as c on c.new_set = n."_fields" and c.previous_set = p."_fields"),
reading as (
    select cycle_id, min(window_after) as window_after
      from audit.extraction
     where object = $object
       and purpose = 'window'
       and cycle_id in (select captured_in from compared)
     group by cycle_id)
select $object,
       c.id,
       coalesce(c.kind, case when c.is_first_load then 'baseline'
                             when e.cycle_id is null then 'appeared'
                             when e.window_after is null or c.created_date >= e.window_after then 'created'
                             else 'appeared' end) as kind,
       list_transform(c.differences, lambda d: d.field),
       map_from_entries(list_transform(c.differences, lambda d: {{'k': d.field, 'v': d.before}})),
       map_from_entries(list_transform(c.differences, lambda d: {{'k': d.field, 'v': d.after}})),
       c.version_id,
       c.previous_version_id,
       coalesce(case when c.kind is null and not c.is_first_load then c.created_date else c.modified_date end, $now),
       $now,
       $cycle_id
  from compared as c
  left join reading as e on e.cycle_id = c.captured_in
 where c.kind is distinct from 'same'
 order by c.version_id
