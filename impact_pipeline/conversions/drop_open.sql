-- What     takes out of the open decisions those whose place a newer one took, and those that keep_open.sql tells anew
-- Reads    conversions.decision
-- Writes   conversions.open_decision
-- Grain    one row per decision
-- Binds    $after bigint: the newest decision before this call
delete from conversions.open_decision
 where decision_id > $after
    or decision_id in (select previous_decision_id
                         from conversions.decision
                        where decision_id > $after)
