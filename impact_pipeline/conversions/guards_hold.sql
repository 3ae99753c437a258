-- What     the pairs that are held back, and by which guard; all that belongs to one event together
-- Reads    told, mass
-- Writes   held_back (temporary)
-- Grain    one row per pair
-- Binds    $max_rows bigint: null for none; $currencies, $bounds varchar[]: the most money of each, empty for no bounds
create or replace temp table held_back as
with
event as (
    select event_id, max(money) as money, any_value(CurrencyCode) as CurrencyCode
      from told
     group by event_id),
rows_limit as (
    select 'max_rows: ' || count(*) || ' in one cycle, more than ' || $max_rows::bigint as words
      from event
    having count(*) > $max_rows::bigint),
money_limit as (
    select 'max_money: ' || sum(money) || ' ' || coalesce(CurrencyCode, '') || ' in one cycle, '
           || case when any_value(bound) is null then 'and no bound for that currency'
                   else 'more than ' || any_value(bound) end as words
      from event
      left join (select unnest($currencies::varchar[]) as CurrencyCode,
                        unnest($bounds::varchar[])::decimal(18, 2) as bound) using (CurrencyCode)
     where len($currencies::varchar[]) > 0
     group by CurrencyCode
    having sum(money) > coalesce(any_value(bound), 0)
     order by CurrencyCode
     limit 1),
mass_limit as (
    select t.event_id,
           min('mass_change: ' || m.field || ' of ' || m.moved_count || ' of ' || m.record_count || ' records') as words
      from told as t
      join mass as m on m.object = t.object and list_contains(t.fields, m.field)
     group by t.event_id)
select t.decision_id, t.change_id, t.event, t.event_id, t.decision,
       coalesce((select words from rows_limit), (select words from money_limit), l.words) as guard
  from told as t
  left join mass_limit as l using (event_id)
 where guard is not null
