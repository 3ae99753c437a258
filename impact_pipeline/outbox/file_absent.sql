-- What     says which files never arrived: the folder does not hold them, and a list that was begun long enough after
--          that look does not name them
-- Writes   outbox.file
-- Grain    one row per file
-- Binds    $listed_at timestamptz: when a complete list was begun, null: there was none; $settle_after interval
update outbox.file
   set state = 'absent'
 where state = 'intended'
   and missing_since + $settle_after <= $listed_at::timestamptz
