-- What     what persons said about the decisions of a record; the next cycle goes by the newest word about each
-- Reads    conversions.word
-- Grain    one row per word, oldest first
-- Binds    $object varchar, $Id varchar
select change_id, event, word, reason, said_by, said_at, code
  from conversions.word
 where object = $object and "Id" = $Id
 order by word_id
