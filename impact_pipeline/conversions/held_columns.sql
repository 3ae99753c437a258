-- What     the columns of temporary tables, but for the first of each: a table can't be without any
-- Reads    duckdb_columns
-- Grain    one row per column
-- Binds    $tables varchar[]; $prefix varchar: what the names of others begin with
select table_name, column_name
  from duckdb_columns()
 where database_name = 'temp'
   and (list_contains($tables, table_name) or starts_with(table_name, $prefix))
   and column_index > 1
 order by table_name, column_index desc
