-- What     keeps the intent to upload a file
-- Writes   outbox.file
-- Grain    one row
insert into outbox.file (name, state, sha256, byte_count, line_count, conversion_count, parameters, run_id,
                         created_at)
values ($name, 'intended', $sha256, $byte_count, $line_count, $conversion_count,
        map($columns, $counts), $run_id, $now)
