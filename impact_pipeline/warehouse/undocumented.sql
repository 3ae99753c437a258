-- What     tables, views and columns without a comment
-- Reads    the catalogue
-- Grain    one row per table, view or column
-- Binds    $schemas varchar[]
with named as (
    select database_name, schema_name, table_name as name, comment
      from duckdb_tables()
    union all
    select database_name, schema_name, view_name, comment
      from duckdb_views()
    union all
    select database_name, schema_name, table_name || '.' || column_name, comment
      from duckdb_columns())
select schema_name || '.' || name
  from named
 where database_name = current_database()
   and list_contains($schemas, schema_name)
   and coalesce(trim(comment), '') = ''
 order by all;
