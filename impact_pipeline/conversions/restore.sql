-- What     takes a reversal back that nobody sent yet, because the event was entered again
-- Reads    answer, standing, correction, kept_reversal
-- Writes   conversions.wanted
-- Grain    one row per event
-- Binds    $now timestamptz
update conversions.wanted as w
   set state = 'live', change_id = s.change_id, wanted_at = $now
  from answer as a
  join standing as s using (change_id, event)
 where w.event_id = s.event_id
   and w.state = 'reversed'
   and s.stands = 'reversal_wanted'
   and (a.decision = 'skip' and a.reason = 'already_reported'
        or (a.change_id, a.event) in (select change_id, event from correction where is_restoring))
   and w.event_id not in (select event_id from kept_reversal)
