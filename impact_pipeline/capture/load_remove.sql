-- What     takes the superseded versions out, to make room for the newer ones
-- Reads    temp table capture_changed
-- Writes   {table}
delete from {table}
 where "_version_id" in (select previous_version_id
                           from capture_changed)
