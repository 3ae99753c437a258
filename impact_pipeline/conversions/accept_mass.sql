-- What     the pairs that a guard holds, each with a digest of what would be told
-- Reads    conversions.current_decision
-- Writes   held_mass (temporary)
-- Grain    one row per pair
-- Binds    $object, $event varchar: only of these; null: all
create or replace temp table held_mass as
select change_id, event, event_id, object, Id, amount, CurrencyCode, detail,
       -- As answers.sql and corrections.sql compute it.
       md5(concat_ws('|', coalesce(OrderId, ''), coalesce(amount::varchar, ''), coalesce(CurrencyCode, ''))) as subject
  from conversions.current_decision
 where decision = 'hold'
   and reason = 'mass_change'
   and ($object::varchar is null or object = $object)
   and ($event::varchar is null or event = $event)
