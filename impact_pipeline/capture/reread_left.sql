-- What     the newest reread of an object over a stretch that was begun and not ended
-- Reads    audit.extraction
-- Grain    one row, or none
-- Binds    $object varchar, $after timestamptz (null: from the beginning), $until timestamptz (null: any), $since timestamptz
with
mine as (
    select *, row_number() over (partition by cycle_id order by extraction_id) as place
      from audit.extraction
     where object = $object
       and cycle_id like 'reread %'),
begun as (
    select cycle_id,
           any_value(window_after) filter (where place = 1) as after,
           any_value(window_until) filter (where place = 1) as until,
           max(window_until) filter (where place > 1 and purpose = 'reread') as reached,
           max(extraction_id) as newest
      from mine
     group by cycle_id
    having any_value(purpose) filter (where place = 1) = 'reread'
       and count(*) filter (where purpose = 'reread_end') = 0
       and max(finished_at) >= $since)
select cycle_id, until, reached
  from begun
 where after is not distinct from $after
   and ($until is null or until = $until)
 order by newest desc
 limit 1
