-- What     the conversions of what is to be sent
-- Reads    conversions.decision
-- Writes   conversions.conversion
-- Grain    one row per event
-- Binds    $first, $last bigint: the numbers of the events
insert into conversions.conversion
       (event_id, change_id, object, Id, event, type_kind, event_at, amount, item_count, config_hash, mapped_at,
        CampaignId, ActionTrackerId, EventTypeCode, EventDate, OrderId, CustomerId, CurrencyCode)
select event_id, change_id, object, Id, event, 'sale', event_at, amount, 1, config_hash, decided_at, '4711', '8182',
       EventTypeCode, strftime(event_at, '%Y-%m-%dT%H:%M:%SZ'), OrderId, Id, CurrencyCode
  from conversions.decision
 where change_id between $first and $last
   and decision = 'send'
