-- What     queues corrections, one open at a time per conversion
-- Reads    correction, outbox.request
-- Writes   outbox.request
-- Grain    one row per event
-- Binds    $run_id varchar, $now timestamptz, $correct_after interval
insert into outbox.request
       (Type, event_id, object, Id, event, CampaignId, ActionTrackerId, EventTypeCode, OrderId, CustomerId,
        has_click_id, event_at, CurrencyCode, amount, item_count, payload, payload_sha256, config_hash,
        state, wait, due_at, action_id, run_id, created_at)
select c.Type, r.event_id, r.object, r.Id, r.event, r.CampaignId, r.ActionTrackerId, r.EventTypeCode, r.OrderId,
       r.CustomerId, r.has_click_id, c.wanted_at, r.CurrencyCode,
       case when c.Type = 'Modification' then c.amount end,
       coalesce(c.item_count, 0), c.body, sha256(c.body), r.config_hash,
       'ready',
       case when c.body is null then 'awaiting_action' else 'coalescing' end,
       c.wanted_at + $correct_after, c.action_id, $run_id, $now
  from correction as c
  join outbox.request as r using (request_id)
 where c.Type is not null
   and not c.is_busy
   and (c.open_id is null
        or c.Type <> c.open_Type
        or (c.open_is_frozen and c.body is distinct from c.open_body))
 order by c.wanted_at, r.request_id
