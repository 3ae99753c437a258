-- What     writes what the org has made or edited as new versions, as a capture does
-- Reads    made, {table}
-- Writes   {version_table}
-- Grain    one row per record made or edited
-- Binds    $at timestamptz, $fields integer, $cycle_id varchar, $is_first_load boolean
insert into {version_table} by name
select {columns},
       m."IsDeleted" as "_is_deleted",
       if(m."IsDeleted", 'IsDeleted', null) as "_deleted_how",
       $at as "_captured_at",
       $fields as "_fields",
       nextval('raw.version_id') as "_version_id",
       o."_version_id" as "_previous_version_id",
       $cycle_id as "_cycle_id",
       $is_first_load as "_is_first_load"
  from made as m
  left join {table} as o on o."Id" = m."Id"
 order by m."SystemModstamp", m."Id"
