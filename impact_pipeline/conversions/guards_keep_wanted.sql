-- What     keeps the wanted states that the corrections of one object are about to replace; those that are kept already
--          are of before a call that was cut off
-- Reads    correction, conversions.wanted
-- Writes   conversions.wanted_before
-- Grain    one row per event; its state is null where nothing was wanted
insert into conversions.wanted_before by name
select c.event_id, w.* exclude (event_id)
  from (select distinct event_id from correction where decision = 'correct') as c
  left join conversions.wanted as w using (event_id)
 where c.event_id not in (select event_id from conversions.wanted_before)
