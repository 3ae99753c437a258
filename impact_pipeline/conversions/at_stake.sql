-- What     the money of the events of each object, and how much of it is at stake
-- Reads    conversions.coverage
-- Grain    one row per object and currency
select object, CurrencyCode,
       sum(amount)::decimal(38, 2) as amount,
       sum(amount_without_click_id)::decimal(38, 2) as amount_without_click_id,
       sum(amount_at_stake)::decimal(38, 2) as amount_at_stake
  from conversions.coverage
 where amount is not null
 group by all
 order by all
