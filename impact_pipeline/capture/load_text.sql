-- What     takes the staged rows as they came, each value as text
-- Writes   temp table capture_text, in the order of reading
-- Grain    one row per row that Salesforce sent
-- Binds    $files varchar[]
create or replace temp table capture_text as
select {columns}
  from {reader}
