-- What     how far each object has been read
-- Reads    audit.extraction
-- Grain    one row per object that a cycle has ever begun to read
select object,
       max(cursor) as cursor,
       min(window_until) filter (where is_first_load) as first_until,
       max(latest_date_covered) as latest_date_covered,
       list_distinct(flatten(list(fields_added))) as fields_covered
  from audit.extraction
 group by object
