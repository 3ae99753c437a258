-- What     finds the rows that differ from the current one of their record, or were captured with more fields
-- Reads    temp table capture_rows, {current}
-- Writes   temp table capture_changed
-- Grain    one row per record version not seen before, numbered; a row older than the current one is passed over
-- Binds    $growing integer[]
create or replace temp table capture_changed as
select row_number, previous_version_id, nextval('raw.version_id') as version_id
  from (select n.rowid as row_number, o."_version_id" as previous_version_id
          from capture_rows as n
          left join {current} as o on o."Id" = n."Id"
         where o."Id" is null
            or ((n.{stamp} < o.{stamp}) is not true
                and (n."_is_deleted" is distinct from o."_is_deleted"
                     or o."_deleted_how" is not null and not o."_is_deleted"
                     or list_contains($growing, o."_fields")
                     or {differs}))
         {order})
