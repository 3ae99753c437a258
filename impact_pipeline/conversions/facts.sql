-- What     keeps of each pair that something may follow from what the data and its trigger tell
-- Reads    triggered, moment, {table}
-- Writes   fact (temporary)
-- Grain    one row per pair; those that are skipped and never carried anything are left out
create or replace temp table fact as
select f.* exclude (fields, cycles_since, is_carried, once, other_once),
       coalesce(n."_deleted_how" is not null and not n."_is_deleted", false) as is_missing,
       {merged_into} as merged_into,
       {refund_of} as refund_of,
       coalesce(n."_is_deleted", false) and merged_into is null as is_deleted,
       md5({organization_id} || '|' || f.object || '|' || f.Id || '|' || f.event || f.once) as event_key,
       list_transform(coalesce(l.losers, []), lambda loser:
                      md5({organization_id} || '|' || f.object || '|' || loser || '|' || f.event || f.once))
           || list_transform(f.other_once, lambda other:
                             md5({organization_id} || '|' || f.object || '|' || f.Id || '|' || f.event || other))
           as alias_keys,
       md5({organization_id} || '|' || f.object || '|' || merged_into || '|' || f.event || f.once) as survivor_key
  from ({facts}) as f
  left join {table} as n on n."Id" = f.Id
  left join ({losers}) as l on l.survivor = f.Id
