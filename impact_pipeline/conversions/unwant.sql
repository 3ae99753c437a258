-- What     forgets what was wanted of an event that is to be sent anew, but for its approval
-- Reads    answer, fact
-- Writes   conversions.wanted
-- Grain    one row per event
-- Binds    $now timestamptz
merge into conversions.wanted as w
using (select a.event_id, a.change_id, a.role, f.approval
         from answer as a
         join fact as f using (change_id, event)
        where a.decision = 'send'
          and a.carries) as c
   on w.event_id = c.event_id
 -- It was taken back before it left; that it still could be sent does not bring it back.
 when matched and w.state = 'reversed' and c.role = 'open' then do nothing
 when matched and w.approval is null and c.approval is null then delete
 when matched and w.state = 'live' and w.amount is null and w.items is null and w.CustomerStatus is null then do nothing
 when matched then update
      set state = 'live', amount = null, items = null, CustomerStatus = null,
          approval = coalesce(w.approval, c.approval), wanted_at = $now
 when not matched and c.approval is not null then insert (event_id, state, approval, change_id, wanted_at)
      values (c.event_id, 'live', c.approval, c.change_id, $now)
