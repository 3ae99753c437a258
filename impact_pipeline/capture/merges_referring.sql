-- What     the living records that refer to a noted loser of a merge
-- Reads    {table}, raw._line_set
-- Grain    one Id per record
-- Binds    $name varchar
select "Id"
  from {table}
 where not "_is_deleted"
   and {field} in (select record_id
                     from raw._line_set
                    where line_object = $name)
