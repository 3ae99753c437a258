-- What     the requests of the events looked at, of every type
-- Reads    scope, request_place, outbox.request
-- Writes   own_request (temporary)
-- Grain    one row per request
create or replace temp table own_request as
select request_id, Type, event_id, object, Id, event, CampaignId, ActionTrackerId, EventTypeCode, OrderId, EventDate, event_at,
       CurrencyCode, amount, state, outcome, reason, wait, needs_person, due_at, created_at, intended_at, accepted_at, settled_at,
       submission_id
  from outbox.request
 where rowid in (select place from request_place where event_id in (select event_id from scope))
