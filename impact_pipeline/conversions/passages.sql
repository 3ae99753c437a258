-- What     the rows of one history object that the changes of the pairs tell of, and the rows before them
-- Reads    pair_change, {table}
-- Writes   {rows} (temporary)
-- Grain    one row per history row
create or replace temp table {rows} as
select *
  from {table}
 where "Id" in (select history_id from pair_change where history_id is not null
                union all
                select previous_history_id from pair_change where previous_history_id is not null)
