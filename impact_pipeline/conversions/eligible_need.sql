-- What     the records that meet an event's condition now and were neither reported, held nor registered for it
-- Reads    fact, conversions.current_decision
-- Writes   need (temporary)
-- Grain    one row per record and event
create or replace temp table need as
with
carried as (
    select event_key
      from conversions.current_decision
     where carries),
alias as (
    select distinct a.change_id, a.event
      from (select change_id, event, unnest(alias_keys) as event_key from fact) as a
      join carried using (event_key))
select f.*
  from fact as f
  anti join carried as c on c.event_key = f.event_key
  anti join alias as a on a.change_id = f.change_id and a.event = f.event
 where f.in_scope
   and f.condition_holds
