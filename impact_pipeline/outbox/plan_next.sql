-- What     what the next submission would send and correct, and what is held
-- Reads    outbox.request, due, conversions.current_decision
-- Grain    one row per decision, reason, event type, wait and currency; wait null: it would go now
-- Binds    $object, $event varchar: only of these; null: all
with
told as (
    select case r.Type when 'Conversion' then 'send' else 'correct' end as decision,
           case r.Type when 'Conversion' then c.reason else k.reason end as reason,
           r.Type, r.EventTypeCode, d.wait, r.CurrencyCode, r.amount, r.object, r.event
      from due as d
      join outbox.request as r using (request_id)
      left join conversions.current_decision as c on c.event_id = r.event_id and c.carries
      left join (select event_id, arg_max(reason, decision_id) as reason
                   from conversions.current_decision
                  where decision = 'correct'
                  group by event_id) as k on k.event_id = r.event_id),
held as (
    select decision, reason, null as Type, EventTypeCode, null as wait, CurrencyCode, amount, object, event
      from conversions.current_decision
     where decision = 'hold'),
counted as (
    select decision, Type, object, event, EventTypeCode, reason, wait, CurrencyCode,
           count(*) as count, sum(amount) as amount
      from (from told union all from held)
     where ($object::varchar is null or object = $object)
       and ($event::varchar is null or event = $event)
     group by all)
select *
  from counted
 order by list_position(['send', 'correct', 'hold'], decision), Type, object, event, EventTypeCode, reason, wait,
          CurrencyCode
