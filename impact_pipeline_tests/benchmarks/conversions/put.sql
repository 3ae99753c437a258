-- What     writes what the org has made or edited as the current rows, as a capture does
-- Reads    made, capture_changed, {past_table}
-- Writes   {table}
-- Grain    one row per record made or edited
-- Binds    $at timestamptz, $fields integer, $cycle_id varchar, $is_first_load boolean
insert into {table} by name
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
  left join (select "Id", "_version_id"
               from {past_table}
              where "_version_id" in (select previous_version_id
                                        from capture_changed)) as o on o."Id" = m."Id"
 order by m."SystemModstamp", m."Id"
