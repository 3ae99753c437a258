-- What     takes staged rows as they came, each value as text
-- Writes   temp table capture_text, in the order of reading
-- Grain    one row per row that Salesforce sent
-- Binds    $files varchar[]
insert into capture_text
       ({columns})
select {columns}
  from {reader}
