-- What     the pairs that are answered anew now
-- Reads    waiting_pair, sliced
-- Writes   open_pair (temporary)
-- Grain    one row per pair
-- Binds    $slice bigint
create or replace temp table open_pair as
select w.*
  from waiting_pair as w
 where w.Id in (select Id from sliced where slice = $slice)
