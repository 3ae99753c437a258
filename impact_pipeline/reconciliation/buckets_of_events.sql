-- What     the lines in which events are counted otherwise than before
-- Reads    recounted
-- Writes   bucket (temporary)
-- Grain    one row per event type, month and currency
insert into bucket
select distinct EventTypeCode, ActionTrackerId, month, CurrencyCode
  from recounted
