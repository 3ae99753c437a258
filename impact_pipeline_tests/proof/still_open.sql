-- What     requests whose end is still to come
-- Reads    outbox.request
-- Grain    one row per request
select request_id, Type, OrderId, state, coalesce(wait, reason, '') as why
  from outbox.request as r
 where state in ('intended', 'in_doubt', 'accepted')
    or (state = 'ready' and not needs_person
        -- A correction waits for its action, also for one that impact.com itself has lost: it may show after all.
        and not (wait = 'awaiting_action'
                 and exists (select 1
                               from outbox.request as c
                              where c.event_id = r.event_id and c.outcome = 'end_unknown')))
