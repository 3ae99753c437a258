-- What     gives each value its type and keeps one row per record: the newest stamp, and of equal stamps the later read
-- Reads    temp table capture_text
-- Writes   temp table capture_rows
-- Grain    one row per Id
create or replace temp table capture_rows as
select {typed},
       {is_deleted} as "_is_deleted"
  from capture_text
qualify row_number() over (partition by {id} order by {stamp} desc, rowid desc) = 1
