-- What     how much of the result of each object's newest bulk job has been committed; one job may run beside another
-- Reads    audit.extraction
-- Grain    one row per object and purpose that a bulk job has ever been read for
select arg_max(bulk_job, extraction_id) as job,
       arg_max(bulk_locator, extraction_id) as locator,
       sum(rows_read) filter (where bulk_job = newest) as row_count
  from (select *, last_value(bulk_job) over (partition by object, purpose order by extraction_id
                                             rows between unbounded preceding and unbounded following) as newest
          from audit.extraction
         where bulk_job is not null)
 group by object, purpose
