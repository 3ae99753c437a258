-- What     the answers of a group, staged
-- Writes   answer (temporary)
-- Grain    one row per request of the group; verdict null: it was not sent
-- Binds    $answers json
create or replace temp table answer as
select unnest(from_json($answers::json, '[{
           "request_id": "BIGINT", "to_state": "VARCHAR", "reason": "VARCHAR", "wait": "VARCHAR",
           "due_at": "TIMESTAMPTZ", "next_look_at": "TIMESTAMPTZ", "submission_id": "VARCHAR",
           "method": "VARCHAR", "endpoint": "VARCHAR", "payload_sha256": "VARCHAR", "masked_payload": "VARCHAR",
           "started_at": "TIMESTAMPTZ", "duration_seconds": "DOUBLE", "http_status": "INTEGER", "verdict": "VARCHAR",
           "answer": "VARCHAR", "wait_seconds": "DOUBLE"}]'), recursive := true)
