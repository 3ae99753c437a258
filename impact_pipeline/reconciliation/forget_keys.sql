-- What     keeps the keys under which something of the record was queued or sent, as hashes
-- Reads    outbox.request, reconciliation.erased_key
-- Writes   reconciliation.erased_key
-- Grain    one row per key
-- Binds    $object, $id varchar, $salt varchar: for the first key ever, $now timestamptz
insert into reconciliation.erased_key
with
salt as (
    select coalesce((select min(salt) from reconciliation.erased_key), $salt::varchar) as salt),
key as (
    select distinct r.CampaignId, r.ActionTrackerId, sha256(s.salt || r.OrderId) as OrderId_sha256, s.salt
      from outbox.request as r, salt as s
     where r.object = $object
       and r.Id = $id)
select k.*, $now
  from key as k
  anti join reconciliation.erased_key as e using (CampaignId, ActionTrackerId, OrderId_sha256)
