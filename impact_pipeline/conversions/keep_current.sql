-- What     lets conversions.current_decision show the newest decision per pair
-- Reads    conversions.decision
-- Writes   conversions.current_decision
-- Grain    one row per pair decided since $after
-- Binds    $after bigint
merge into conversions.current_decision as c
using (select *
         from conversions.decision
        where decision_id > $after
      qualify row_number() over (partition by change_id, event order by decision_id desc) = 1) as n
   on c.change_id = n.change_id and c.event = n.event
 when matched then update
 when not matched then insert
