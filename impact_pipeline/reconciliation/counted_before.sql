-- What     what each of those events has counted for so far
-- Reads    countable, reconciliation.counted_event
-- Writes   counted_before (temporary)
-- Grain    one row per event
create or replace temp table counted_before as
select rowid as place, *
  from reconciliation.counted_event
 where rowid in (select rowid from reconciliation.counted_event where event_id in (from countable))
