-- What     keeps the parameters of each conversion as they will leave
-- Reads    to_send
-- Writes   conversions.conversion
-- Grain    one row per event
-- Binds    $config_hash varchar, $now timestamptz
insert into conversions.conversion
       (event_id, change_id, object, Id, event, type_kind, event_at, amount, item_count, config_hash, mapped_at,
        content_md5, {columns})
select event_id, change_id, object, Id, event, type_kind, event_at, amount, item_count, $config_hash, $now,
       content_md5, {columns}
  from to_send
