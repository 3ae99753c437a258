-- What     marks the rows that make versions; in place, since joining rows as wide as these would take their size in memory
-- Reads    temp table capture_changed
-- Writes   temp table capture_rows
-- Grain    one row per version to be made
update capture_rows as n
   set "_version_id" = c.version_id, "_previous_version_id" = c.previous_version_id
  from capture_changed as c
 where n.rowid = c.row_number
