-- What     every documented table, view and column of our schemas, but raw's private ones
-- Reads    the catalogue
-- Grain    one row per column, in the order of the tables' names and of the columns
-- Binds    $schemas varchar[]
with relation as (
    select schema_name, table_name as name, comment, false as is_view
      from duckdb_tables()
     where database_name = current_database()
    union all
    select schema_name, view_name, comment, true
      from duckdb_views()
     where database_name = current_database())
select r.schema_name || '.' || r.name as name, r.is_view, r.comment as about,
       c.column_name, c.data_type, c.comment
  from relation as r
  join duckdb_columns() as c
    on c.database_name = current_database() and c.schema_name = r.schema_name and c.table_name = r.name
 where list_contains($schemas, r.schema_name)
 order by list_position($schemas, r.schema_name), r.name, c.column_index;
