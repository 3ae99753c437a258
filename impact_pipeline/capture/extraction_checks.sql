-- What     what the asset checks of an object ask: is a field missing, do cursors only grow, how much of the day is spent
-- Reads    audit.extraction
-- Grain    one row per object
with in_order as (
    select *,
           cursor < lag(cursor) over (partition by object order by extraction_id) as goes_back,
           row_number() over (partition by object order by extraction_id desc) as age
      from audit.extraction)
select object,
       any_value(fields_missing) filter (where age = 1) as fields_missing,
       count(*) filter (where goes_back or cursor > window_until) as dishonest_cursors,
       any_value(quota_used) filter (where age = 1) as quota_used,
       any_value(quota_max) filter (where age = 1) as quota_max
  from in_order
 group by object
 order by object
