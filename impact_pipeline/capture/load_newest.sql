-- What     keeps one row per record: the newest stamp, and of equal stamps the later read
-- Writes   temp table capture_rows
-- Grain    one row per Id
delete from capture_rows
 where rowid not in (select rowid
                       from capture_rows
                    qualify row_number() over (partition by "Id" order by {stamp} desc, rowid desc) = 1)
