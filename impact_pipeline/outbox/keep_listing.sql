-- What     tells of a pass over a list
-- Writes   audit.listing
-- Grain    one row
insert into audit.listing
       (what, window_after, window_until, pages, rows_read, is_complete, api_calls, run_id, started_at, finished_at)
values ($what, $window_after, $window_until, $pages, $rows_read, $is_complete, $api_calls, $run_id, $started_at,
        $finished_at)
