-- What     lists the return of conversions that are wanted again: withdrawn ones, and those of which reading has proven
--          that they did not arrive, at a time when they were not wanted
-- Reads    outbox.request, sendable
-- Writes   move
-- Grain    one row per request
-- Binds    $now timestamptz
insert into move by name
with
wanted_again as (
    select r.request_id, r.state, r.CampaignId, r.ActionTrackerId, r.OrderId
      from outbox.request as r
      join sendable as s using (request_id)
     where (r.state = 'withdrawn' or (r.outcome = 'no_trace' and s.is_wanted)))
select r.request_id,
       r.state as from_state,
       'ready' as to_state,
       'wanted_again' as reason,
       $now as due_at
  from wanted_again as r
 where not exists (
           select 1
             from (select * from outbox.request where OrderId in (select OrderId from wanted_again)) as o
            where o.Type = 'Conversion'
              and (o.CampaignId, o.ActionTrackerId, o.OrderId) = (r.CampaignId, r.ActionTrackerId, r.OrderId)
              and o.request_id <> r.request_id
              and o.state <> 'withdrawn')
