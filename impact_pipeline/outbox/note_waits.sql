-- What     shows in outbox.request what each ready request waits for
-- Reads    due
-- Writes   outbox.request
-- Grain    one row per request whose wait has changed
update outbox.request as r
   set wait = d.wait,
       needs_person = coalesce(d.wait = 'parent_unsettled', false)
  from due as d
 where r.request_id = d.request_id
   and r.state = 'ready'
   and (r.wait is distinct from d.wait
        or r.needs_person is distinct from coalesce(d.wait = 'parent_unsettled', false))
