-- What     the events that count otherwise than before, with the lines of the totals that it moves
-- Reads    news_event, event_count, reconciliation.counted_event
-- Writes   recounted (temporary)
-- Grain    one row per event and line, before or now
create or replace temp table recounted as
with
before as (
    select *
      from reconciliation.counted_event
     where event_id in (from news_event))
select o.event_id, o.EventTypeCode, o.ActionTrackerId, o.month, o.CurrencyCode
  from before as o
  anti join event_count as n on n is not distinct from o
 union
select n.event_id, n.EventTypeCode, n.ActionTrackerId, n.month, n.CurrencyCode
  from event_count as n
  anti join before as o on n is not distinct from o
