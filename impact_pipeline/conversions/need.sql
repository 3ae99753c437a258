-- What     the pairs that have to be mapped: triggers that fire, and reported events to weigh corrections against
-- Reads    fact
-- Writes   need (temporary)
-- Grain    one row per pair
create or replace temp table need as
select *
  from fact
 where trigger_answer = 'fire'
    or role = 'carrier'
