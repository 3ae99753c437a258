-- What     the comments of whatever was copied
-- Reads    the catalogues of the warehouse and of the readers' copy
-- Grain    one row per table, view and column with a comment
with commented as (
    select 'table' as kind, database_name, schema_name, table_name as name, null as column_name, comment
      from duckdb_tables()
    union all
    select 'view', database_name, schema_name, view_name, null, comment
      from duckdb_views()
    union all
    select 'column', database_name, schema_name, table_name, column_name, comment
      from duckdb_columns())
select kind, schema_name, name, warehouse.column_name, warehouse.comment
  from commented as warehouse
  join commented as readers using (kind, schema_name, name)
 where warehouse.database_name = current_database()
   and readers.database_name = 'published'
   and warehouse.column_name is not distinct from readers.column_name
   and warehouse.comment is not null
 order by all;
