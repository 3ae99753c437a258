-- What     how many requests could be sent, or get their end, until a time
-- Reads    outbox.request
-- Grain    one row
-- Binds    $until timestamptz
select count(*)
  from outbox.request
 where not needs_person
   and (state = 'ready' and due_at <= $until
        or state in ('intended', 'accepted', 'in_doubt') and coalesce(next_look_at, due_at) <= $until)
