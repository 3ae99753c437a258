-- What     the pairs that have to be mapped: triggers that fire, and reported events to weigh corrections against
-- Reads    fact, trigger_answer
-- Writes   need (temporary)
-- Grain    one row per pair
create or replace temp table need as
select f.*
  from fact as f
  join trigger_answer as t using (change_id, event)
 where t.answer = 'fire'
    or f.role = 'carrier'
