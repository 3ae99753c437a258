-- What     lets the decisions be made anew whose conversions may follow the record and the mapping again
-- Reads    move_in_force, outbox.request, conversions.decision
-- Writes   conversions.open_decision
-- Grain    one row per decision
insert into conversions.open_decision
with
thawed as (
    select event_id
      from outbox.request
     where request_id in (select request_id from move_in_force where is_thawed)
       and Type = 'Conversion'),
decided as (
    select decision_id, change_id, object, event, decision, event_id, carries
      from conversions.decision
     where rowid in (select rowid from conversions.decision where event_id in (from thawed)))
select decision_id, change_id, object, event, decision, event_id
  from decided
 where carries
   and decision = 'send'
   and decision_id not in (select decision_id from conversions.open_decision)
   -- As conversions.current_decision, which can not be asked for some events only without all others.
   and decision_id not in (select previous_decision_id
                             from conversions.decision
                            where previous_decision_id in (select decision_id from decided))
