-- What     the values of a list (stages, statuses) that were renamed, added, switched off or removed
-- Reads    {versions}
-- Grain    one row per version that tells such a change
-- Binds    $since timestamptz
select case when p."_version_id" is null then 'added'
            when n."_is_deleted" or n."_deleted_how" is not null then 'vanished'
            when n."ApiName" is distinct from p."ApiName" or n."MasterLabel" is distinct from p."MasterLabel"
                 then 'renamed'
            else 'switched' end as kind,
       p."ApiName" as before,
       n."ApiName" as after,
       p."MasterLabel" as label_before,
       n."MasterLabel" as label_after,
       {is_active} as is_active
  from {versions} as n
  left join {versions} as p on p."_version_id" = n."_previous_version_id"
 where n."_captured_at" >= $since
   and not n."_is_first_load"
   and (p."_version_id" is null
        or n."_is_deleted" is distinct from p."_is_deleted"
        or n."_deleted_how" is distinct from p."_deleted_how"
        or n."ApiName" is distinct from p."ApiName"
        or n."MasterLabel" is distinct from p."MasterLabel"
        or {is_active} is distinct from {was_active})
 order by n."_version_id"
