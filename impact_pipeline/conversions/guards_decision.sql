-- What     turns answers of this call into holds; nothing has followed from them yet, so append-only stays true
-- Reads    held_back
-- Writes   conversions.decision
-- Grain    one row per pair that is held back
update conversions.decision as d
   set decision = 'hold', reason = 'mass_change', detail = h.guard
  from held_back as h
 where d.decision_id = h.decision_id
