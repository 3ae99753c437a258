-- What     lists the intent to send conversions in a file
-- Reads    file_piece
-- Writes   move
-- Grain    one row per request
-- Binds    $name varchar: of the file
insert into move by name
select request_id,
       'ready' as from_state,
       'intended' as to_state,
       'claimed' as reason,
       $name as group_id
  from file_piece
 group by request_id
having not bool_or(is_unfit)
