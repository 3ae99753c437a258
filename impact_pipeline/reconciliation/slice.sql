-- What     the keys that are compared at a time
-- Reads    scoped
-- Writes   scope (temporary)
-- Grain    one row per key; OrderId, action_id, event_id: by which it can be looked up
-- Binds    $slice bigint
create or replace temp table scope as
select key, OrderId,
       case when starts_with(key, 'action/') then key[8:] end as action_id,
       case when starts_with(key, 'event/') then key[7:] end as event_id
  from scoped
 where slice = $slice
