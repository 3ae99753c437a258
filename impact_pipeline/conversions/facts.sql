-- What     says of each pair of change and event what the data tell: conditions, watched fields, times, identity
-- Reads    pair, changes.change, raw.*, audit.extraction
-- Writes   fact (temporary)
-- Grain    one row per pair
create or replace temp table fact as
with
cycle as (
    select cycle_id, row_number() over (order by cycle_id) as number
      from (select distinct cycle_id from audit.extraction)),
newest_cycle as (
    select max(number) as number from cycle),
of_change as (
    select distinct change_id from pair),
moment as (
    select c.change_id, c.Id, c.kind, c.fields, c.occurred_at, c.detected_at, c.previous_history_id,
           coalesce((select number from newest_cycle) - y.number, 0) as cycles_since,
           {moment_columns}
      from of_change as q
      join changes.change as c using (change_id)
      join {version_table} as v on v."_version_id" = c.version_id
      left join cycle as y on y.cycle_id = c.cycle_id
      {history_joins}),
before as (
    select c.change_id,
           {before_columns}
      from of_change as q
      join changes.change as c using (change_id)
      join {version_table} as p on p."_version_id" = case when c.kind = 'history' then c.version_id
                                                          else c.previous_version_id end
      {earlier_joins}),
passed as (
    {passed})
{branches}
