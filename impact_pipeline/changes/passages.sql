-- What     turns new rows of a history object into changes of the record that they tell of
-- Reads    {history_table}, {history_version_table}, {record_table}, {record_version_table}, raw._forgotten, changes.cursor
-- Writes   changes.change
-- Grain    one row per passage: the first row of a record, or one whose value differs from the row before
-- Binds    $object varchar, $history varchar, $field varchar, $cycle_id varchar, $now timestamptz
insert into changes.change
       (object, Id, kind, fields, before, after, version_id, history_id, previous_history_id,
        occurred_at, detected_at, cycle_id)
with
fresh as (
    select "Id" as id, {parent} as parent
      from {history_version_table}
     where "_version_id" > coalesce((select version_id from changes.cursor where object = $history), 0)
       and "_previous_version_id" is null
       and {only}
     union
    -- What was edited while a cycle read is seen in the next one, its history maybe in the one before.
    select "Id", {parent}
      from {history_table}
     where {parent} in (select "Id"
                          from {record_version_table}
                         where "_version_id" > coalesce((select version_id from changes.cursor where object = $object), 0)
                           and "_previous_version_id" is null)
       and {only}),
passage as (
    select h."Id" as history_id,
           h.{parent} as parent,
           h."CreatedDate" as passed_at,
           h.{value}::varchar as value,
           case when {is_row_history}
                then lag(h.{value}::varchar) over in_order
                else {old_value} end as before,
           lag(h."Id") over in_order as previous_history_id
      from {history_table} as h
      join (select distinct parent from fresh) as touched on touched.parent = h.{parent}
     where {only}
    window in_order as (partition by h.{parent} order by h."CreatedDate", h."Id"))
select $object,
       p.parent,
       'history',
       [$field],
       map {{$field: p.before}},
       map {{$field: p.value}},
       r."_version_id",
       p.history_id,
       p.previous_history_id,
       p.passed_at,
       $now,
       $cycle_id
  from passage as p
  join fresh as f on f.id = p.history_id
  join {record_table} as r on r."Id" = p.parent
 where p.parent not in (select Id from raw._forgotten where object = $object and field = 'Id')
   and p.value is distinct from p.before
 order by p.passed_at, p.history_id
