select change_id, event,
       row_number() over (partition by change_id, event order by min(line_number))::integer as item_number,
       "plain_ItemSku" as "ItemSku",
       try_cast(round({amount}, 2) as decimal(18, 2)) as amount,
       {has_cents} as has_cents,
       list_distinct(list(currency)) as currencies,
       list_filter([{cut}], lambda x: x is not null) as cut,
       {issue} as issue,
       {grouped}
  from (
    select w.change_id, w.event,
           row_number() over (partition by w.change_id, w.event order by {order}) as line_number,
           {currency} as currency,
           {values}
      from {pairs} as w
      join {items} as i on i.{parent} = w.line_of and not i."_is_deleted"
      {joins}
     where w.event = {event})
 where not ({nothing})
 group by change_id, event, "plain_ItemSku"
{kept}
