-- What     the actions that impact.com shows for a record's keys, each differing observation, with their payout
-- Reads    audit.action, outbox.request
-- Grain    one row per observation, oldest first
-- Binds    $object varchar, $Id varchar
select a.observed_at, a.action_id, a."Oid", a."State", a."Amount", a."Payout", a."Currency", a."MediaPartnerName",
       a."EventDate", a."LockingDate", a."ClearedDate"
  from audit.action as a
 where (a."ActionTrackerId", a."Oid") in (
           select ("ActionTrackerId", "OrderId")
             from outbox.request
            where object = $object and "Id" = $Id)
 order by a.observed_at, a.action_id
