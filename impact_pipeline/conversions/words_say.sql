-- What     keeps what a person said
-- Writes   conversions.word
-- Grain    one row
-- Binds    $word, $object, $Id varchar, $change_id bigint, $event, $event_id, $code, $reason, $said_by varchar,
--          $now timestamptz
insert into conversions.word (word, object, Id, change_id, event, event_id, code, reason, said_by, said_at)
values ($word, $object, $Id, $change_id, $event, $event_id, $code, $reason, $said_by, $now)
