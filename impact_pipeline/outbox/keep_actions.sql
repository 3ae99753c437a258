-- What     appends the actions that differ from what was known of them
-- Reads    listed_action, audit.action, reconciliation.erased_key
-- Writes   audit.action
-- Grain    one row per action that is new or differs
-- Binds    $run_id varchar, $now timestamptz
insert into audit.action
with
forgotten as (
    select l.action_id
      from listed_action as l
      join reconciliation.erased_key as e using (CampaignId, ActionTrackerId)
     where e.OrderId_sha256 = sha256(e.salt || l.Oid)),
listed as (
    select * replace (
               case when action_id in (from forgotten) then null else CustomerId end as CustomerId,
               case when action_id in (from forgotten) then null else CustomerStatus end as CustomerStatus,
               case when action_id in (from forgotten) then null else Note end as Note)
      from listed_action)
select n.*, $now as observed_at, $run_id as run_id
  from listed as n
  anti join (
           select a.* exclude (observed_at, run_id)
             from audit.action as a
             semi join listed_action as l using (action_id)
          qualify row_number() over (partition by a.action_id order by a.observed_at desc, a.rowid desc) = 1) as k
    on k.action_id = n.action_id
   and k is not distinct from n
