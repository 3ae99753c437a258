-- What     records that were edited before they were first seen, so that nobody knows what changed
-- Reads    conversions.current_decision
-- Grain    one row per event
select object, event, reason, EventTypeCode, CurrencyCode, count(*) as count, sum(amount) as amount
  from conversions.current_decision
 where reason = 'change_unseen'
 group by all
 order by all
