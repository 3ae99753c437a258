-- What     tells of each event that is to be sent or held what leads from it to a partner, and what it is worth
-- Reads    answer, mapped, line
-- Writes   covering (temporary)
-- Grain    one row per pair that carries an event
-- Binds    $time_zone varchar, $with_items varchar[]: events that are told by items
create or replace temp table covering as
with
coded as (
    select change_id, event, bool_and("ItemSku" is not null) as all_coded
      from line
     group by all)
select a.event_id, a.change_id, a.object, a.Id, a.event, a.event_at,
       date_trunc('week', a.event_at at time zone $time_zone)::date as week,
       m."ClickId" is not null as has_click_id,
       m."CustomerId" is not null as has_customer_id,
       coalesce(m."CustomerId" <> a.Id, false) as has_linked_customer_id,
       case when list_contains($with_items, a.event) then coalesce(c.all_coded, false) end as has_product_codes,
       case when m.amount is not null then m."CurrencyCode" is not null end as has_currency,
       m."CurrencyCode", m.amount
  from answer as a
  join mapped as m using (change_id, event)
  left join coded as c using (change_id, event)
 where a.carries
   and a.decision in ('send', 'hold')
