-- What     keeps the wanted states that the corrections of one object are about to replace
-- Reads    correction, conversions.wanted
-- Writes   wanted_before (temporary)
-- Grain    one row per event
insert into wanted_before
select *
  from conversions.wanted
 where event_id in (select event_id from correction)
