-- What     gives requests of which nothing has left the body that their conversion has by now
-- Reads    body, sendable, conversions.conversion; outbox.request: a key is only taken where nobody else has it
-- Writes   outbox.request
-- Grain    one row per request whose body differs
update outbox.request as r
   set payload = b.payload,
       payload_sha256 = b.payload_sha256,
       content_md5 = c.content_md5,
       ActionTrackerId = c.ActionTrackerId,
       EventTypeCode = c.EventTypeCode,
       OrderId = c.OrderId,
       CustomerId = c.CustomerId,
       has_click_id = c.ClickId is not null,
       EventDate = c.EventDate,
       event_at = c.event_at,
       CurrencyCode = c.CurrencyCode,
       amount = c.amount,
       item_count = c.item_count,
       config_hash = c.config_hash
  from body as b
  join conversions.conversion as c using (event_id)
  join sendable as s using (event_id)
 where s.is_wanted
   and r.event_id = b.event_id
   and r.Type = 'Conversion'
   and (r.state in ('ready', 'withdrawn') or r.outcome = 'no_trace')
   and r.intended_at is null
   and not exists (
           select 1
             from outbox.request as o
            where o.Type = 'Conversion'
              and (o.CampaignId, o.ActionTrackerId, o.OrderId) = (c.CampaignId, c.ActionTrackerId, c.OrderId)
              and o.request_id <> r.request_id
              and o.state <> 'withdrawn')
   and (r.payload_sha256 is distinct from b.payload_sha256 or r.content_md5 is distinct from c.content_md5)
