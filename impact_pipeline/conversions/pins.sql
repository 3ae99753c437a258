-- What     pins the first CustomerId that is sent for a record
-- Reads    answer, mapped
-- Writes   conversions.customer
-- Grain    one row per record that had no pin
-- Binds    $now timestamptz
insert into conversions.customer (object, Id, CustomerId, event_id, pinned_at)
select a.object, a.Id, m.CustomerId, a.event_id, $now
  from answer as a
  join mapped as m using (change_id, event)
 where a.decision = 'send'
   and a.carries
   and (a.object, a.Id) not in (select object, Id from conversions.customer)
qualify row_number() over (partition by a.object, a.Id order by a.event_at, a.change_id) = 1
