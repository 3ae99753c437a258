-- What     the keys that are compared, in slices
-- Reads    touched, claim
-- Writes   scoped (temporary)
-- Grain    one row per key
-- Binds    $slice_size integer: about how many keys are compared at a time, so that memory stays bounded
create or replace temp table scoped as
with
straddling as (
    select distinct key
      from claim
     where event_id in (select event_id from claim group by event_id having count(*) > 1)),
size as (
    select greatest(1, ceil(count(*) / $slice_size))::bigint as slices from touched),
sliced as (
    select key, OrderId,
           case when key in (select key from straddling) then 0 else hash(key) % slices end as slice
      from touched, size
     where not starts_with(key, 'event/')),
event_row as (
    select key from touched where starts_with(key, 'event/')
     union
    select 'event/' || event_id from claim)
select key, OrderId, slice from sliced
 union all
select e.key, null, coalesce(min(case when c.key in (select key from straddling) then 0 else hash(c.key) % slices end), 0)
  from event_row as e
  left join claim as c on e.key = 'event/' || c.event_id
 cross join size
 group by e.key
