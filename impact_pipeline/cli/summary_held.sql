-- What     what is held now, whoever decided it
-- Reads    conversions.current_decision
-- Grain    one row per event and reason
select object, event, reason,
       count(*) as count,
       sum(amount) as amount
  from conversions.current_decision
 where decision = 'hold'
 group by all
 order by all
