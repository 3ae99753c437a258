-- What     tells of what was to be sent that it was, and that impact.com credited four of ten; one of a hundred waits
-- Reads    conversions.conversion, conversions.current_decision
-- Writes   outbox.request
-- Grain    one row per conversion without a request
-- Binds    $at timestamptz
insert into outbox.request
       (Type, event_id, object, Id, event, CampaignId, ActionTrackerId, EventTypeCode, OrderId, CustomerId,
        has_click_id, EventDate, event_at, CurrencyCode, amount, item_count, payload, payload_sha256, config_hash,
        state, outcome, due_at, attempt_count, created_at, intended_at, settled_at)
select 'Conversion', c.event_id, c.object, c.Id, c.event, c.CampaignId, c.ActionTrackerId, c.EventTypeCode, c.OrderId,
       c.CustomerId, c.ClickId is not null, c.EventDate, c.event_at, c.CurrencyCode, c.amount, c.item_count,
       'OrderId=' || c.OrderId || '&CustomerId=' || c.CustomerId, sha256(c.OrderId), c.config_hash,
       if(waits, 'ready', 'settled'), if(waits, null, if(pick(c.event_id, 'end', 10) < 4, 'credited', 'not_credited')),
       $at, 1, $at, if(waits, null, $at), if(waits, null, $at)
  from (select *, pick(event_id, 'wait', 100) = 0 as waits from conversions.conversion) as c
  anti join outbox.request as r on r.event_id = c.event_id and r.Type = 'Conversion'
