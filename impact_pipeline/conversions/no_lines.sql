-- What     stands in where no event of the object has items
-- Writes   line (temporary)
-- Grain    no rows
create or replace temp table line as
select null::bigint as change_id, null::varchar as event, null::integer as item_number, null::varchar as ItemSku,
       null::decimal(18, 2) as amount, null::boolean as has_cents, null::varchar[] as currencies, null::varchar[] as cut,
       null::varchar as issue, null::varchar as ItemQuantity, null::varchar as ItemSubTotal
 where false
