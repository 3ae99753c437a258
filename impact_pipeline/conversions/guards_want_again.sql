-- What     what was wanted of those events before
-- Reads    held_back, conversions.wanted_before
-- Writes   conversions.wanted
-- Grain    one row per event
insert into conversions.wanted by name
select *
  from conversions.wanted_before
 where event_id in (select event_id from held_back where decision = 'correct')
   and state is not null
