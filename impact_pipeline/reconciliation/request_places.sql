-- What     where the requests of events lie: found by one pass over one column, then read from there by every question
-- Reads    unplaced_event, outbox.request
-- Writes   request_place (temporary)
-- Grain    one row per request
insert into request_place
select rowid, event_id
  from outbox.request
 where event_id in (from unplaced_event)
