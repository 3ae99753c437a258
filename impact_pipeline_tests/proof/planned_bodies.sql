-- What     the hashes of all bodies that were ever frozen
-- Reads    outbox.request, audit.attempt, audit.transition
-- Grain    one row per hash
select payload_sha256
  from outbox.request
 union
select payload_sha256
  from audit.attempt
 union
select unnest(regexp_extract_all(detail, 'body ([0-9a-f]{64})', 1))
  from audit.transition
