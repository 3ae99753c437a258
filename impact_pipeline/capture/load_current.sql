-- What     copies the current rows of the records that came
-- Reads    temp table capture_rows, {table}
-- Writes   temp table capture_current
-- Grain    one row per record that was there before
create or replace temp table capture_current as
select *
  from {table}
 where "Id" in (select "Id" from capture_rows)
