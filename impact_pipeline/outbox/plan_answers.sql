-- What     the answers that would be new: decisions that no cycle has made yet
-- Reads    conversions.decision
-- Grain    one row per event, decision, reason and currency
-- Binds    $after bigint: the newest decision that is there; $object, $event varchar: only of these; null: all
select object, event, decision, reason, CurrencyCode, count(*) as count, sum(amount) as amount
  from conversions.decision
 where decision_id > $after
   and ($object::varchar is null or object = $object)
   and ($event::varchar is null or event = $event)
 group by all
 order by all
