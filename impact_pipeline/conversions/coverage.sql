-- What     how many events of each object lead to a partner, over all weeks or by week
-- Reads    conversions.coverage
-- Grain    one row per object and, where $by_week, week, the newest first; the last $weeks of them
-- Binds    $by_week boolean, $weeks integer
select object, shown as week,
       sum(events)::bigint as events,
       sum(with_click_id)::bigint as with_click_id,
       sum(with_customer_id)::bigint as with_customer_id,
       sum(with_linked_customer_id)::bigint as with_linked_customer_id,
       sum(with_product_codes)::bigint as with_product_codes,
       sum(told_by_items)::bigint as told_by_items,
       sum(with_currency)::bigint as with_currency,
       sum(with_money)::bigint as with_money
  from (
    select *, case when $by_week then week::varchar end as shown
      from conversions.coverage
   qualify not $by_week or dense_rank() over (order by week desc) <= $weeks)
 group by all
 order by shown desc, object
