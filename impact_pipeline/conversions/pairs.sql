-- What     lists the pairs of change and event of one object that need an answer
-- Reads    fresh_change, open_pair, carried, conversions.word
-- Writes   pair (temporary)
-- Grain    one row per pair; role = new (never answered), open (as in open_pair) or carrier (reported, on a record that
--          changed: what a correction is weighed against); is_carried: the record carries the event already;
--          is_carrying: by this very pair
-- Binds    $events varchar[], $correctable varchar[]
create or replace temp table pair as
select f.change_id, f.event, 'new' as role,
       c.Id is not null as is_carried, false as is_carrying
  from (select change_id, Id, unnest($events) as event from fresh_change) as f
  left join (select distinct Id, event
               from carried
              where decision in ('send', 'hold')) as c using (Id, event)
union all
select change_id, event, 'open', true, carries
  from open_pair
union all
select change_id, event, 'carrier', true, true
  from carried
 where decision = 'send'
   and (list_contains($correctable, event)
        or event_id in (select event_id from conversions.word where word = 'reverse'))
   and Id in (select Id from fresh_change
              union all
              select Id from open_pair)
   and (change_id, event) not in (select change_id, event from open_pair)
