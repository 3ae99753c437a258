-- What     lists the pairs of change and event of one object that need an answer
-- Reads    changes.change, conversions.current_decision, conversions.cursor, conversions.word, outbox.request
-- Writes   pair (temporary)
-- Grain    one row per pair; role = new (never answered), open (held, or to be sent and not yet intended: its values
--          follow the record; or dismissed, and the person thinks better of it) or carrier (reported, on a record that changed: what a correction is weighed against)
-- Binds    $object varchar, $events varchar[], $correctable varchar[]
create or replace temp table pair as
with
fresh as (
    select change_id, Id
      from changes.change
     where object = $object
       and change_id > coalesce((select change_id from conversions.cursor where object = $object), 0)),
open as (
    select d.change_id, d.event, d.Id
      from conversions.current_decision as d
      left join outbox.request as r on r.event_id = d.event_id and r.Type = 'Conversion'
     where d.object = $object
       and list_contains($events, d.event)
       and (d.decision = 'hold'
            or d.decision = 'send' and d.carries
               and (r.request_id is null or r.state = 'ready' and r.intended_at is null)
            or d.reason = 'dismissed'
               and (d.change_id, d.event) in (select change_id, event from conversions.current_word where word = 'release'))),
carrier as (
    select d.change_id, d.event
      from conversions.current_decision as d
     where d.object = $object
       and (list_contains($correctable, d.event)
            or d.event_id in (select event_id from conversions.word where word = 'reverse'))
       and d.decision = 'send'
       and d.carries
       and d.Id in (select Id from fresh
                    union all
                    select Id from open))
select change_id, unnest($events) as event, 'new' as role
  from fresh
union all
select change_id, event, 'open'
  from open
union all
select change_id, event, 'carrier'
  from carrier
 where (change_id, event) not in (select change_id, event from open)
