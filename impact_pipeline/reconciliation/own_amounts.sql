-- What     the money of the events looked at, as it was mapped
-- Reads    scope, conversions.conversion
-- Writes   own_amount (temporary)
-- Grain    one row per event
create or replace temp table own_amount as
select event_id, amount, CurrencyCode
  from conversions.conversion
 where rowid in (select rowid from conversions.conversion where event_id in (select event_id from scope))
