-- What     the rows that may change without news: a time has come, or they are under way
-- Reads    setting, reconciliation.conversion_status
-- Writes   due (temporary)
-- Grain    one row per key
create or replace temp table due as
select s.key, s.event_id
  from reconciliation.conversion_status as s, setting as t
 where t.is_full
    or s.next_look_at <= t.now
    or s.state in ('ready', 'intended', 'accepted', 'in_doubt')
    or s.class = 'correction_open'
