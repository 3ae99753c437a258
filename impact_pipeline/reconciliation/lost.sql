-- What     conversions that are due and neither queued nor held
-- Reads    reconciliation.conversion_status
-- Grain    one row per key, the oldest first
select event_id, object, Id, EventTypeCode
  from reconciliation.conversion_status
 where rowid in (select rowid from reconciliation.conversion_status where class = 'not_in_outbox'
                  union
                 select rowid from reconciliation.conversion_status where bucket = 'missing')
 order by since, key
