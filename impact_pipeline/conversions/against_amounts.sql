-- What     what both configurations send, in counts and money
-- Reads    answered_now, answered_then
-- Grain    one row per event and currency
-- Binds    $object, $event varchar: only of these; null: all
with
sent as (
    select object, event, CurrencyCode, amount, true as is_now from answered_now where is_sent
     union all
    select object, event, CurrencyCode, amount, false from answered_then where is_sent)
select object, event, CurrencyCode,
       count(*) filter (where is_now) as count,
       sum(amount) filter (where is_now) as amount,
       count(*) filter (where not is_now) as count_then,
       sum(amount) filter (where not is_now) as amount_then
  from sent
 where ($object::varchar is null or object = $object)
   and ($event::varchar is null or event = $event)
 group by all
 order by all
