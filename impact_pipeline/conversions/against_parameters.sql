-- What     what one configuration would send for the changes of the window
-- Reads    answered_{side}, conversions.conversion, conversions.item
-- Writes   sent_{side} (temporary)
-- Grain    one row per pair and parameter; of items all values in their order
create or replace temp table sent_{side} as
with
sent as (
    select c.*
      from conversions.conversion as c
      join answered_{side} as a on a.change_id = c.change_id and a.event = c.event and a.is_sent),
item as (
    select s.change_id, s.event, i.*
      from conversions.item as i
      join sent as s using (event_id))
select change_id, event, parameter, value
  from (unpivot (select change_id, event, {parameters} from sent)
             on columns(* exclude (change_id, event)) into name parameter value value)
 union all
select change_id, event, parameter, string_agg(value, chr(31) order by item_number)
  from (unpivot (select change_id, event, item_number, {item_parameters} from item)
             on columns(* exclude (change_id, event, item_number)) into name parameter value value)
 group by all
