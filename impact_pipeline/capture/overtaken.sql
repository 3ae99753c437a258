-- What     counts the records of a piece that another cycle has written since a version
-- Reads    {table}
-- Grain    one row
-- Binds    $version bigint, $cycle_id varchar (our own), $is_by_id boolean, $ids varchar[], $after and $until timestamptz
select count(*)
  from {table}
 where "_version_id" > $version
   and "_cycle_id" <> $cycle_id
   and case when $is_by_id then list_contains($ids, "Id")
            else {stamp} < $until and ({stamp} < $after) is not true end
