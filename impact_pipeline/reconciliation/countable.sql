-- What     the events looked at that may count otherwise than before: not those of which only a time has come
-- Reads    scope, news_event, own_request
-- Writes   countable (temporary)
-- Grain    one row per event
create or replace temp table countable as
select event_id from scope where event_id in (from news_event)
 union
select event_id from own_request where Type = 'Conversion' and state in ('ready', 'intended', 'accepted', 'in_doubt')
