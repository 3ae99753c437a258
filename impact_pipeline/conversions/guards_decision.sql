-- What     turns answers of this call into holds; nobody has seen them yet, so append-only stays true
-- Reads    held_back
-- Writes   conversions.decision
-- Grain    one row per pair that is held back
-- Binds    $after bigint: the newest decision before this call
update conversions.decision as d
   set decision = 'hold', reason = 'mass_change', detail = h.guard
  from held_back as h
 where d.change_id = h.change_id
   and d.event = h.event
   and d.decision_id > $after
