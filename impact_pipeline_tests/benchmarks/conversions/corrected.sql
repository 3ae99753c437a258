-- What     tells of corrections and reversals that were wanted that they are done
-- Reads    conversions.wanted, outbox.request
-- Writes   outbox.request
-- Grain    one row per event whose wanted state is newer than its last correction
-- Binds    $at timestamptz
insert into outbox.request
       (Type, event_id, object, Id, event, CampaignId, ActionTrackerId, EventTypeCode, OrderId, CustomerId,
        has_click_id, event_at, CurrencyCode, amount, item_count, config_hash, state, outcome, due_at, attempt_count,
        created_at, intended_at, settled_at)
select if(w.state = 'reversed', 'Reversal', 'Modification'), r.event_id, r.object, r.Id, r.event, r.CampaignId,
       r.ActionTrackerId, r.EventTypeCode, r.OrderId, r.CustomerId, r.has_click_id, r.event_at, r.CurrencyCode,
       w.amount, 0, r.config_hash, 'settled', 'credited', $at, 1, $at, $at, $at
  from conversions.wanted as w
  join outbox.request as r on r.event_id = w.event_id and r.Type = 'Conversion' and r.outcome = 'credited'
 where not exists (select 1
                     from outbox.request as c
                    where c.event_id = w.event_id and c.Type <> 'Conversion' and c.created_at >= w.wanted_at)
