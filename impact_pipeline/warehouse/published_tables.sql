-- What     the tables of the readers' copy, with the columns that may be read
-- Reads    the catalogue
-- Grain    one row per table
-- Binds    $schemas varchar[], $private varchar
select schema_name, table_name, list(column_name order by column_index) as columns
  from duckdb_columns()
  join duckdb_tables() using (database_name, schema_name, table_name, table_oid)
 where database_name = current_database()
   and list_contains($schemas, schema_name)
   and duckdb_columns.comment is not null
   and not starts_with(duckdb_columns.comment, $private)
 group by all
 order by schema_name, table_name;
