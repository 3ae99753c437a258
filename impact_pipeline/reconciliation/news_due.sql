-- What     the events whose time has come have news, too
-- Reads    due
-- Writes   news_event (temporary)
-- Grain    one row per event
insert into news_event
select event_id from due where event_id is not null
except
  from news_event
