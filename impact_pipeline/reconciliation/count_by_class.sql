-- What     how many keys are in each class, and how many of them somebody should look at
-- Reads    reconciliation.class, reconciliation.tally
-- Grain    one row per class, in the order of the classes
select c.class,
       coalesce(sum(t.key_count), 0)::bigint as key_count,
       coalesce(sum(t.key_count) filter (t.is_open), 0)::bigint as open_count
  from reconciliation.class as c
  left join reconciliation.tally as t using (class)
 group by c.class, c.place
 order by c.place
