-- What     the views of the readers' copy, in the order in which they were made: a view may read another one
-- Reads    the catalogue
-- Grain    one row per view, its statement
-- Binds    $schemas varchar[]
select sql
  from duckdb_views()
 where database_name = current_database()
   and list_contains($schemas, schema_name)
 order by view_oid;
