-- What     draws living records with their stamps
-- Reads    {table}
-- Grain    one row per record, at most {count}
-- Binds    $bound timestamptz
select "Id", {stamp}
  from (select "Id", {stamp}
          from {table}
         where not "_is_deleted"
           and "_deleted_how" is null
           and "CreatedDate" < $bound
           and {stamp} < $bound)
 using sample reservoir({count} rows)
