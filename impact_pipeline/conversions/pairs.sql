-- What     lists the pairs of change and event of one object that need an answer
-- Reads    changes.change, open_pair, carried, conversions.cursor, conversions.word
-- Writes   pair (temporary)
-- Grain    one row per pair; role = new (never answered), open (as in open_pair) or carrier (reported, on a record that
--          changed: what a correction is weighed against)
-- Binds    $object varchar, $events varchar[], $correctable varchar[]
create or replace temp table pair as
with
fresh as (
    select change_id, Id
      from changes.change
     where object = $object
       and change_id > coalesce((select change_id from conversions.cursor where object = $object), 0))
select change_id, unnest($events) as event, 'new' as role
  from fresh
union all
select change_id, event, 'open'
  from open_pair
union all
select change_id, event, 'carrier'
  from carried
 where decision = 'send'
   and (list_contains($correctable, event)
        or event_id in (select event_id from conversions.word where word = 'reverse'))
   and Id in (select Id from fresh
              union all
              select Id from open_pair)
   and (change_id, event) not in (select change_id, event from open_pair)
