-- What     the rows that may change without news: a time has come, or they are under way
-- Reads    setting, reconciliation.conversion_status
-- Writes   due (temporary)
-- Grain    one row per key
create or replace temp table due as
select key, event_id
  from reconciliation.conversion_status
 -- Column by column, and the rows by their place: one condition with "or" would read every text of the table.
 where rowid in (select rowid from reconciliation.conversion_status where next_look_at <= (select now from setting)
                  union
                 select rowid
                   from reconciliation.conversion_status
                  where state in ('ready', 'intended', 'accepted', 'in_doubt')
                  union
                 select rowid from reconciliation.conversion_status where class = 'correction_open'
                  union
                 select s.rowid
                   from reconciliation.conversion_status as s, (select 1 from setting where is_full))
