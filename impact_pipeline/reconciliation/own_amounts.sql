-- What     the money of the events looked at that have no request yet, as it was mapped; a request tells it by itself
-- Reads    own_decision, own_request, conversions.conversion
-- Writes   own_amount (temporary)
-- Grain    one row per event
create or replace temp table own_amount as
select event_id, amount, CurrencyCode
  from conversions.conversion
 where rowid in (select rowid
                   from conversions.conversion
                  where event_id in (select event_id from own_decision where carries and decision in ('send', 'hold')
                                     except
                                     select event_id from own_request where Type = 'Conversion'))
