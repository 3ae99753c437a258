-- What     their requests, sent and settled; impact.com credited four of ten
-- Reads    conversions.conversion
-- Writes   outbox.request
-- Grain    one row per event
-- Binds    $first, $last bigint: the numbers of the events; $now timestamptz
insert into outbox.request
       (Type, event_id, object, Id, event, CampaignId, ActionTrackerId, EventTypeCode, OrderId, CustomerId,
        has_click_id, EventDate, event_at, CurrencyCode, amount, item_count, payload, config_hash, state, outcome,
        due_at, attempt_count, submission_id, created_at, intended_at, accepted_at, settled_at)
select 'Conversion', event_id, object, Id, event, CampaignId, ActionTrackerId, EventTypeCode, OrderId, CustomerId,
       true, EventDate, event_at, CurrencyCode, amount, item_count, 'OrderId=' || OrderId || '&CustomerId=' || Id,
       config_hash, 'settled', if(change_id % 10 < 4, 'credited', 'not_credited'), $now, 1, 'submission-' || change_id,
       $now, $now, $now, $now
  from conversions.conversion
 where change_id between $first and $last
