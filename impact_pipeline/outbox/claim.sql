-- What     lists the intent to send the next requests
-- Reads    due
-- Writes   move
-- Grain    one row per request
-- Binds    $group_id varchar, $group_size integer
insert into move by name
select request_id,
       'ready' as from_state,
       'intended' as to_state,
       'claimed' as reason,
       $group_id as group_id
  from due
 where wait is null
 order by place
 limit $group_size
