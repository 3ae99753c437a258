-- What     counts what was appended: rows, Ids, different Ids, and Ids of records that were there before
-- Reads    {table}
-- Grain    one row
-- Binds    $before bigint, the version before the first one appended
select count(*),
       count("Id"),
       count(distinct "Id"),
       count(*) filter ("Id" in (select "Id" from {table} where "_version_id" <= $before))
  from {table}
 where "_version_id" > $before
