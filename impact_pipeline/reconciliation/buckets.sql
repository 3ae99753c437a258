-- What     an empty place for the lines of reconciliation.totals that have to be counted anew
-- Writes   bucket (temporary)
-- Grain    one row per event type, month and currency, or several
create or replace temp table bucket as
select EventTypeCode, ActionTrackerId, month, CurrencyCode
  from reconciliation.totals
 limit 0
