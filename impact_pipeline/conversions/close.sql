-- What     takes out of the open decisions what has been intended since: from then on it is frozen
-- Reads    outbox.request
-- Writes   conversions.open_decision
-- Grain    one row per decision
delete from conversions.open_decision
 where decision = 'send'
   and event_id in (select r.event_id
                      from outbox.request as r
                      join conversions.open_decision as o using (event_id)
                     where r.Type = 'Conversion'
                       and r.intended_at is not null)
