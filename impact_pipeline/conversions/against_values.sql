-- What     how many of the conversions that both configurations send differ in which parameter; never a value
-- Reads    answered_now, answered_then, sent_now, sent_then
-- Grain    one row per event and parameter
-- Binds    $object, $event varchar: only of these; null: all
with
both_send as (
    select n.change_id, n.event, n.object
      from answered_now as n
      join answered_then as t on t.change_id = n.change_id and t.event = n.event
     where n.is_sent
       and t.is_sent
       and ($object::varchar is null or n.object = $object)
       and ($event::varchar is null or n.event = $event)),
before as (
    select b.object, s.*
      from sent_now as s
      join both_send as b on b.change_id = s.change_id and b.event = s.event),
after as (
    select b.object, s.*
      from sent_then as s
      join both_send as b on b.change_id = s.change_id and b.event = s.event)
select coalesce(n.object, t.object) as object, coalesce(n.event, t.event) as event,
       coalesce(n.parameter, t.parameter) as parameter,
       count(*) filter (where n.value is null) as added,
       count(*) filter (where t.value is null) as removed,
       count(*) filter (where n.value <> t.value) as changed
  from before as n
  full join after as t on t.change_id = n.change_id and t.event = n.event and t.parameter = n.parameter
 where n.value is distinct from t.value
 group by all
 order by all
