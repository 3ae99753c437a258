-- What     counts the living records of an object by the day of their creation, UTC
-- Reads    {table}
-- Grain    one row per day
-- Binds    $bound timestamptz
select timezone('UTC', "CreatedDate")::date as day,
       count(*) as record_count
  from {table}
 where not "_is_deleted"
   and "_deleted_how" is null
   and "CreatedDate" < $bound
 group by all
