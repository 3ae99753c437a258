-- What     lists the return of withdrawn conversions that are wanted again
-- Reads    outbox.request, sendable
-- Writes   move
-- Grain    one row per request
-- Binds    $now timestamptz
insert into move by name
select r.request_id,
       'withdrawn' as from_state,
       'ready' as to_state,
       'wanted_again' as reason,
       $now as due_at
  from outbox.request as r
  join sendable as s using (request_id)
 where r.state = 'withdrawn'
   and not exists (
           select 1
             from outbox.request as o
            where o.Type = 'Conversion'
              and (o.CampaignId, o.ActionTrackerId, o.OrderId) = (r.CampaignId, r.ActionTrackerId, r.OrderId)
              and o.request_id <> r.request_id
              and o.state <> 'withdrawn')
