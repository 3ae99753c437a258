-- What     the lines in which the rows that are replaced, and those that replace them, are counted
-- Reads    standing, stale, written
-- Writes   bucket (temporary)
-- Grain    one row per event type, month and currency
insert into bucket
select EventTypeCode, ActionTrackerId, month, CurrencyCode from standing where key in (select key from stale)
 union
select EventTypeCode, ActionTrackerId, month, CurrencyCode from written
