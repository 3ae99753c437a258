-- What     the views of the readers' copy in the order in which they were made, so that a view may read another one;
--          a view with a private column of its own is left out
-- Reads    the catalogue
-- Grain    one row per view, its statement
-- Binds    $schemas varchar[], $private varchar
select sql
  from duckdb_views()
 where database_name = current_database()
   and list_contains($schemas, schema_name)
   and view_oid not in (
           select table_oid
             from duckdb_columns()
            where database_name = current_database()
              and starts_with(comment, $private))
 order by view_oid;
