-- What     the decisions that carry an event of the records that are answered, and of those merged with them; and
--          those that tell that it was entered again
-- Reads    sliced, conversions.current_decision
-- Writes   carrying (temporary)
-- Grain    one row per event, and per change by which it was entered again (carries = false)
-- Binds    $object varchar
create or replace temp table carrying as
select s.slice, d.*
  from conversions.current_decision as d
  join sliced as s using (Id)
 where d.object = $object
   and (d.carries or d.reason = 'already_reported')
