select {event} as event, r.record_id, r.refund_id, r.amount,
       exists (select 1 from {items} as i where i.{parent} = r.refund_id and not i."_is_deleted") as has_lines
  from (
    select {link} as record_id, x."Id" as refund_id, try_cast({amount} as decimal(18, 2)) as amount
      from {table} as x
      {joins}
     where {link} in (select Id from need where event = {event})
       and {link} <> x."Id"
       and not x."_is_deleted"
       and ({conditions})) as r
 where r.amount < 0
