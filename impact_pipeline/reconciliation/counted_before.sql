-- What     what each event looked at has counted for so far
-- Reads    scope, reconciliation.counted_event
-- Writes   counted_before (temporary)
-- Grain    one row per event
create or replace temp table counted_before as
select rowid as place, *
  from reconciliation.counted_event
 where rowid in (select rowid from reconciliation.counted_event where event_id in (select event_id from scope))
