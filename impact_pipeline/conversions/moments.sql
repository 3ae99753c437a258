-- What     what the record was when each change happened, and before it, as far as the configuration asks for it
-- Reads    pair_change, raw.*, audit.extraction
-- Writes   moment (temporary)
-- Grain    one row per change; a column is named as its field, what it was before is before.FIELD, and whether the
--          history tells the value already is caught_up.FIELD
create or replace temp table moment as
with
cycle as (
    select cycle_id, row_number() over (order by cycle_id desc) - 1 as cycles_since
      from (select distinct cycle_id from audit.extraction)),
seen as (
    select c.change_id, c.Id, c.kind, c.fields, c.occurred_at, c.detected_at, c.version_id, c.history_id,
           c.previous_history_id,
           coalesce(y.cycles_since, 0) as cycles_since,
           {columns}
      from pair_change as c
      join {version_table} as v on v."_version_id" = c.version_id
      left join {version_table} as p on p."_version_id" = c.previous_version_id
      left join cycle as y on y.cycle_id = c.cycle_id
      {history_joins})
select s.*{caught_up}
  from seen as s
  {passed}
