-- What     the events that count otherwise than before: as they did, and as they do
-- Reads    event_count, counted_before
-- Writes   recounted (temporary)
-- Grain    one row per event, before and now; place: where the row from before lies
create or replace temp table recounted as
select o.*
  from counted_before as o
  anti join event_count as n
    on n.event_id = o.event_id
   and n.EventTypeCode is not distinct from o.EventTypeCode
   and n.ActionTrackerId is not distinct from o.ActionTrackerId
   and (n.month, n.CurrencyCode, n.expected_count, n.expected_amount, n.sent_count, n.sent_amount)
       = (o.month, o.CurrencyCode, o.expected_count, o.expected_amount, o.sent_count, o.sent_amount)
 union all
select null, n.*
  from event_count as n
  anti join counted_before as o
    on n.event_id = o.event_id
   and n.EventTypeCode is not distinct from o.EventTypeCode
   and n.ActionTrackerId is not distinct from o.ActionTrackerId
   and (n.month, n.CurrencyCode, n.expected_count, n.expected_amount, n.sent_count, n.sent_amount)
       = (o.month, o.CurrencyCode, o.expected_count, o.expected_amount, o.sent_count, o.sent_amount)
