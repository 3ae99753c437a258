-- What     the answers that differ between both configurations
-- Reads    answered_now, answered_then
-- Grain    one row per event, answer with each of them, and currency; no answer: the event is not in that configuration
-- Binds    $object, $event varchar: only of these; null: all
with
compared as (
    select coalesce(t.object, n.object) as object, coalesce(t.event, n.event) as event,
           case when coalesce(t.is_sent, false) and not coalesce(n.is_sent, false) then 'newly_sent'
                when coalesce(n.is_sent, false) and not coalesce(t.is_sent, false) then 'no_longer_sent'
                else 'answered_otherwise' end as effect,
           n.decision as decision, n.reason as reason, t.decision as decision_then, t.reason as reason_then,
           coalesce(t.CurrencyCode, n.CurrencyCode) as CurrencyCode,
           case when effect = 'no_longer_sent' then n.amount else coalesce(t.amount, n.amount) end as amount
      from answered_now as n
      full join answered_then as t on t.change_id = n.change_id and t.event = n.event
     where (n.decision, n.reason) is distinct from (t.decision, t.reason)),
counted as (
    select object, event, effect, decision, reason, decision_then, reason_then, CurrencyCode,
           count(*) as count, sum(amount) as amount
      from compared
     where ($object::varchar is null or object = $object)
       and ($event::varchar is null or event = $event)
     group by all)
select *
  from counted
 order by object, event, list_position(['newly_sent', 'no_longer_sent', 'answered_otherwise'], effect), decision, reason,
          decision_then, reason_then, CurrencyCode
