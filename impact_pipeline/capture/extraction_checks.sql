-- What     what the asset checks of an object ask: is a field missing, do cursors only grow, how much of the day is spent,
--          what did the newest sweep find
-- Reads    audit.extraction
-- Grain    one row per object
with in_order as (
    select *,
           cursor < max(cursor) over before as goes_back,
           cursor > max(window_until) filter (where purpose = 'window') over so_far as goes_ahead
      from audit.extraction
    window before as (partition by object order by extraction_id
                      rows between unbounded preceding and 1 preceding),
           so_far as (partition by object order by extraction_id
                      rows between unbounded preceding and current row))
select object,
       arg_max(fields_missing, extraction_id) filter (where purpose = 'window') as fields_missing,
       count(*) filter (where goes_back or goes_ahead) as dishonest_cursors,
       arg_max(quota_used, extraction_id) filter (where quota_used is not null) as quota_used,
       arg_max(quota_max, extraction_id) filter (where quota_max is not null) as quota_max,
       arg_max(ids_missing, extraction_id) filter (where purpose = 'sweep') as ids_missing,
       arg_max(is_plausible, extraction_id) filter (where purpose = 'sweep') as is_plausible
  from in_order
 group by object
 order by object
