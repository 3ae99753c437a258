-- What     the newest pass over a list that was done when a queue record was seen first
-- Reads    audit.submission, listing
-- Grain    one row per queue record
select s.submission_id, max(l.listing_id)
  from (select submission_id, arg_min(run_id, rowid) as run_id from audit.submission group by all) as s
  join audit.listing as l using (run_id)
 group by all
