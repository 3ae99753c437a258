-- What     what impact.com shows under each key looked at
-- Reads    setting, scope, audit.action, reconciliation.origin
-- Writes   acted (temporary)
-- Grain    one row per key
create or replace temp table acted as
with
followed as (
    select action_id
      from audit.action
     where rowid in (select rowid from audit.action where Oid in (select OrderId from scope))
     union
    select action_id from scope where action_id is not null),
newest as (
    -- As audit.current_action, which can not be asked for some keys only without looking at every action.
    select coalesce(CampaignId || '/' || ActionTrackerId || '/' || nullif(Oid, ''), 'action/' || action_id) as key,
           *,
           State <> 'REVERSED' as is_live
      from audit.action
     where rowid in (select rowid from audit.action where action_id in (from followed))
   qualify row_number() over (partition by action_id order by observed_at desc) = 1)
select n.key,
       any_value(n.CampaignId) as CampaignId,
       any_value(n.ActionTrackerId) as ActionTrackerId,
       any_value(nullif(n.Oid, '')) as OrderId,
       count(*) filter (n.is_live) as live_count,
       count(*) filter (not n.is_live) as reversed_count,
       sum(coalesce(n.Amount, 0)) filter (n.is_live) as amount,
       sum(coalesce(n.Payout, 0)) filter (n.is_live) as payout,
       any_value(n.Currency) as Currency,
       list(n.action_id order by n.action_id) as action_ids,
       arg_max(n.MediaPartnerId, n.CreationDate) filter (n.is_live) as MediaPartnerId,
       coalesce(arg_max(n.EventDate, n.CreationDate) filter (n.is_live), max(n.EventDate)) as EventDate,
       min(n.CreationDate) as CreationDate,
       coalesce(min(n.LockingDate) filter (n.is_live), max(n.LockingDate)) as LockingDate,
       min(n.LockingDate) filter (n.LockingDate > s.now) as next_locking_at,
       coalesce(bool_and(n.LockingDate <= s.now or n.ClearedDate is not null) filter (n.is_live),
                bool_and(n.LockingDate <= s.now or n.ClearedDate is not null),
                false) as is_locked,
       any_value(o.why) as origin
  from newest as n
  left join reconciliation.origin as o using (ReferringType)
 cross join setting as s
 where n.key in (select key from scope)
 group by n.key
