-- What     what the trigger of each pair says
-- Reads    pair, moment, renamed, conversions.current_word
-- Writes   triggered (temporary)
-- Grain    one row per pair
create or replace temp table triggered as
select change_id, event, role, is_carried, Id, event_at, trigger_answer, trigger_reason, is_weighed
  from ({answered})
