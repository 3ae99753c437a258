-- What     lists where the conversions in doubt lead whose file never arrived, or can't be settled by asking
-- Reads    outbox.file, request
-- Writes   move
-- Grain    one row per request
-- Binds    $now timestamptz
insert into move by name
select r.request_id,
       'in_doubt' as from_state,
       case when f.state = 'absent' then 'ready' else 'in_doubt' end as to_state,
       case when f.state = 'absent' then 'no_trace' else 'needs_person' end as reason,
       f.name as detail,
       case when f.state = 'absent' then $now end as due_at,
       f.state <> 'absent' as needs_person
  from outbox.file as f
  join outbox.request as r on r.group_id = f.name
 where r.state = 'in_doubt'
   and (f.state = 'absent'
        or (f.state = 'intended' and not r.needs_person and $now - r.intended_at > interval 24 hours))
