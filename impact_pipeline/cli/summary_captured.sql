-- What     what a run read from Salesforce
-- Reads    audit.extraction
-- Grain    one row per object
-- Binds    $run_ids varchar[]
select object,
       sum(rows_read)::bigint as rows_read,
       sum(versions_written)::bigint as versions,
       sum(deletes_seen)::bigint as deletes,
       bool_or(is_first_load) as is_first_load
  from audit.extraction
 where list_contains($run_ids, run_id)
 group by object
 order by object
