-- What     what a look at the outbox tells beside what is due
-- Reads    outbox.request, outbox.lease, audit.transition
-- Grain    one row: requests left without an answer by a run that is over; in doubt; when the next is due; who holds the
--          lane; the newest move
-- Binds    $now timestamptz
with
lane as (
    select max(run_id) filter (where expires_at > $now) as holder
      from outbox.lease
     where lane = 'submit')
select (select count(*) from outbox.request, lane where state = 'intended' and holder is null),
       (select count(*) from outbox.request where state = 'in_doubt'),
       (select min(due_at) from outbox.request where state = 'ready' and due_at > $now),
       (select holder from lane),
       (select coalesce(max(transition_id), 0) from audit.transition)
