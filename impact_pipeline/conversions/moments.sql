-- What     what the record was when each change happened, and before it, as far as the configuration asks for it
-- Reads    pair_change, raw.*, audit.extraction
-- Writes   moment (temporary)
-- Grain    one row per change; a column is named as its field, what it was before is before.FIELD, and whether the
--          history tells the value already is caught_up.FIELD
create or replace temp table moment as
with
cycle as (
    select distinct cycle_id
      from audit.extraction
     where purpose = 'window'
       and object in ({histories})),
since as (
    -- Cycles that read the history, after the one that found the change.
    select f.cycle_id, count(c.cycle_id) as cycles_since
      from (select distinct cycle_id from pair_change) as f
      left join cycle as c on c.cycle_id > f.cycle_id
     group by f.cycle_id),
seen as (
    select c.change_id, c.Id, c.kind, c.fields, c.occurred_at, c.detected_at, c.version_id, c.history_id,
           c.previous_history_id,
           y.cycles_since,
           v."_is_deleted" as was_deleted,
           v."_deleted_how" is not null and not v."_is_deleted" as was_missing,
           {columns}
      from pair_change as c
      join {version_table} as v on v."_version_id" = c.version_id
      left join {past_table} as p on p."_version_id" = c.previous_version_id
      join since as y using (cycle_id)
      {history_joins})
select s.*{caught_up}
  from seen as s
  {passed}
