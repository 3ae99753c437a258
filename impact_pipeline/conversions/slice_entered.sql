-- What     by what change each event was last entered again, as earlier cycles have decided; of those that matter now
-- Reads    carrying
-- Writes   entered_before (temporary)
-- Grain    one row per event_key
-- Binds    $slice bigint
create or replace temp table entered_before as
select event_key, event_at, change_id
  from carrying
 where slice = $slice
   and not carries
qualify row_number() over (partition by event_key order by event_at desc, change_id desc) = 1
