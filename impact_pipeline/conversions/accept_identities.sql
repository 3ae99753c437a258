-- What     what waits for a changed identity
-- Reads    conversions.current_decision
-- Grain    one row per object, event and currency
select object, event, CurrencyCode, count(*) as row_count, sum(amount) as amount
  from conversions.current_decision
 where decision = 'hold'
   and reason = 'identity_changed'
 group by all
 order by all
