-- What     what the record was when each change happened, and before it, as far as the configuration asks for it
-- Reads    pair_change, raw.*, audit.extraction
-- Writes   moment (temporary)
-- Grain    one row per change; a column is named as its field, what it was before is before.FIELD, and whether the
--          history tells the value already is caught_up.FIELD
create or replace temp table moment as
with
cycle as (
    select cycle_id, row_number() over (order by cycle_id) as number
      from (select distinct cycle_id
              from audit.extraction
             where purpose = 'window'
               and object in ({histories}))),
newest_cycle as (
    select coalesce(max(number), 0) as number from cycle),
seen as (
    select c.change_id, c.Id, c.kind, c.fields, c.occurred_at, c.detected_at, c.version_id, c.history_id,
           c.previous_history_id,
           -- Cycles that read the history, after the one that found the change.
           (select number from newest_cycle) - coalesce(y.number, 0) as cycles_since,
           v."_is_deleted" as was_deleted,
           v."_deleted_how" is not null and not v."_is_deleted" as was_missing,
           {columns}
      from pair_change as c
      join {version_table} as v on v."_version_id" = c.version_id
      left join {version_table} as p on p."_version_id" = c.previous_version_id
      asof left join cycle as y on c.cycle_id >= y.cycle_id
      {history_joins})
select s.*{caught_up}
  from seen as s
  {passed}
