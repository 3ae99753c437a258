-- What     queues conversions that have no request yet and whose key nobody has
-- Reads    body, sendable, conversions.conversion, outbox.request
-- Writes   outbox.request
-- Grain    one row per event; of two events with one key the older
-- Binds    $run_id varchar, $now timestamptz
insert into outbox.request
       (Type, event_id, object, Id, event, CampaignId, ActionTrackerId, EventTypeCode, OrderId, CustomerId,
        has_click_id, EventDate, event_at, CurrencyCode, amount, item_count, payload, payload_sha256, content_md5,
        config_hash, state, due_at, run_id, created_at)
with
bodied as (
    select b.*
      from body as b
      join sendable as s using (event_id)
     where s.request_id is null
),
conversion as (
    select *
      from conversions.conversion
     where rowid in (select rowid from conversions.conversion where event_id in (select event_id from bodied)))
select 'Conversion', c.event_id, c.object, c.Id, c.event, c.CampaignId, c.ActionTrackerId, c.EventTypeCode, c.OrderId,
       c.CustomerId, c.ClickId is not null, c.EventDate, c.event_at, c.CurrencyCode, c.amount, c.item_count,
       b.payload, b.payload_sha256, c.content_md5, c.config_hash,
       'ready', $now, $run_id, $now
  from bodied as b
  join conversion as c using (event_id)
  anti join (select o.CampaignId, o.ActionTrackerId, o.OrderId
               from outbox.request as o
              where o.Type = 'Conversion'
                and o.OrderId in (select OrderId from conversion)
                and o.state <> 'withdrawn') as o
    on (o.CampaignId, o.ActionTrackerId, o.OrderId) = (c.CampaignId, c.ActionTrackerId, c.OrderId)
qualify row_number() over (
            partition by c.CampaignId, c.ActionTrackerId, c.OrderId
            order by c.event_at, c.event_id) = 1
 order by c.event_at, c.event_id
