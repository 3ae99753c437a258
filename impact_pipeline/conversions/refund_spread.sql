-- What     lowers the lines of a record by its refunds that have no lines of their own, each in proportion, to the cent
-- Reads    need, refund
-- Writes   line (temporary)
-- Grain    one row per item of such a record
update line as l
   set amount = l.amount + s.share,
       "ItemSubTotal" = (l."ItemSubTotal"::decimal(18, 2) + s.share)::decimal(18, 2)::varchar
  from (
    select change_id, event, item_number,
           (round(lump * sum(amount) over following / sum(amount) over whole, 2)
               - coalesce(round(lump * sum(amount) over before / sum(amount) over whole, 2), 0))::decimal(18, 2) as share
      from line
      join (select w.change_id, w.event, sum(r.amount) as lump
              from need as w
              join refund as r on r.record_id = w.Id and r.event = w.event
             where not r.has_lines
             group by all) using (change_id, event)
    window whole as (partition by change_id, event),
           following as (partition by change_id, event order by item_number),
           before as (partition by change_id, event order by item_number rows between unbounded preceding and 1 preceding)
   qualify sum(amount) over whole > 0) as s
 where l.change_id = s.change_id
   and l.event = s.event
   and l.item_number = s.item_number
