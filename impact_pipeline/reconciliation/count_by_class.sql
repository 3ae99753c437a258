-- What     how many keys are in each class, and how many of them somebody should look at
-- Reads    reconciliation.class, reconciliation.conversion_status
-- Grain    one row per class, in the order of the classes
select c.class,
       count(s.key) as key_count,
       count(s.key) filter (s.is_open) as open_count
  from reconciliation.class as c
  left join reconciliation.conversion_status as s using (class)
 group by c.class, c.place
 order by c.place
