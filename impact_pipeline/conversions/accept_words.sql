-- What     keeps what a person accepted
-- Writes   conversions.word
-- Grain    one row per accepted pair, or one for an identity or an alias
-- Binds    $accepted json: rows with object, Id, change_id, event, event_id, subject; $reason, $said_by varchar,
--          $now timestamptz
insert into conversions.word (word, object, Id, change_id, event, event_id, subject, reason, said_by, said_at)
select 'accept', object, Id, change_id, event, event_id, subject, $reason, $said_by, $now
  from (select unnest(from_json($accepted::json,
                   '[{"object": "VARCHAR", "Id": "VARCHAR", "change_id": "BIGINT", "event": "VARCHAR",
                      "event_id": "VARCHAR", "subject": "VARCHAR"}]'), recursive := true))
