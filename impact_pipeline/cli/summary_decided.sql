-- What     what became of the changes that a run answered
-- Reads    conversions.decision
-- Grain    one row per event, decision and reason
-- Binds    $run_ids varchar[]
select object, event, decision, reason,
       count(*) as count,
       sum(amount) as amount
  from conversions.decision
 where list_contains($run_ids, run_id)
 group by object, event, decision, reason
 order by list_position(['send', 'correct', 'hold', 'skip'], decision), object, event, reason
