-- What     keeps the versions that are about to be superseded
-- Reads    temp table capture_changed, {current}
-- Writes   {past_table}
-- Grain    one row per record that is to have a newer version
insert into {past_table}
select *
  from {current}
 where "_version_id" in (select previous_version_id
                           from capture_changed)
