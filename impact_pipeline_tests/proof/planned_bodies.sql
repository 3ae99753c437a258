-- What     the hashes of all bodies that were ever frozen, and of the files
-- Reads    outbox.request, outbox.file, audit.attempt, audit.transition
-- Grain    one row per hash
select payload_sha256
  from outbox.request
 union
select sha256
  from outbox.file
 union
select payload_sha256
  from audit.attempt
 union
select unnest(regexp_extract_all(detail, 'body ([0-9a-f]{64})', 1))
  from audit.transition
