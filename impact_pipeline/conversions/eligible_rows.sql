-- What     what those records would be worth, and the last answer that told why they were not reported
-- Reads    need, mapped, conversions.current_decision
-- Grain    one row per event, answer, event type and currency
with
answered as (
    select d.Id, d.event, arg_max(d.reason, (d.event_at, d.change_id)) as reason
      from conversions.current_decision as d
      join need as n on n.object = d.object and n.Id = d.Id and n.event = d.event
     where d.reason not in ('history_decides', 'not_watched')
     group by all)
select n.object, n.event, a.reason, m.EventTypeCode, m.CurrencyCode, count(*) as count, sum(m.amount) as amount
  from need as n
  join mapped as m using (change_id, event)
  left join answered as a on a.Id = n.Id and a.event = n.event
 where coalesce(m.owner, '') <> 'tag'
 group by all
 order by all
