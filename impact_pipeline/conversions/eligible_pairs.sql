-- What     each live record of one object at its newest change, for each event that has a condition
-- Reads    changes.change, {table}
-- Writes   pair (temporary)
-- Grain    one row per record and event
-- Binds    $object varchar, $events varchar[]
create or replace temp table pair as
select c.change_id, unnest($events) as event, 'new' as role, true as is_carried, false as is_carrying
  from (select max_by(change_id, change_id) as change_id, Id
          from changes.change
         where object = $object
           and kind not in ('history', 'items', 'requested', 'refund')
         group by Id) as c
  join {table} as r on r."Id" = c.Id and not r."_is_deleted"
