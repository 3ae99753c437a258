-- What     records a window with its cursor, in the transaction that commits its rows
-- Writes   audit.extraction
insert into audit.extraction
       (cycle_id, object, method, purpose, window_after, window_until, cursor, is_first_load, rows_read,
        versions_written, deletes_seen, latest_date_covered, open_since, api_calls, quota_used, quota_max, fields_missing,
        fields_added, run_id, started_at, finished_at, ids_missing, is_plausible, sums_differ, bulk_job, bulk_locator)
values ($cycle_id, $object, $method, $purpose, $window_after, $window_until, $cursor, $is_first_load, $rows_read,
        $versions_written, $deletes_seen, $latest_date_covered, $open_since, $api_calls, $quota_used, $quota_max, $fields_missing,
        $fields_added, $run_id, $started_at, $finished_at, $ids_missing,
        $is_plausible, $sums_differ, $bulk_job, $bulk_locator)
