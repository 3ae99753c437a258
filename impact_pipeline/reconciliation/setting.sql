-- What     the settings of one comparison, so that every question reads the same ones
-- Reads    audit.extraction, outbox.queue_cursor, reconciliation.cursor, reconciliation.erased_key
-- Writes   setting (temporary)
-- Grain    one row
-- Binds    $now timestamptz, $is_full boolean, $sha256 text, and each setting under its name
create or replace temp table setting as
select $now::timestamptz as now,
       $sha256::varchar as settings_sha256,
       $campaign_id::varchar as campaign_id,
       $time_zone::varchar as time_zone,
       $currency::varchar as currency,
       coalesce($go_live_at::timestamptz,
                (select min(window_until) from audit.extraction where is_first_load)) as go_live_at,
       $rate_tolerance::double as rate_tolerance,
       $action_wait::interval as action_wait,
       $ending_wait::interval as ending_wait,
       $ready_wait::interval as ready_wait,
       $lock_warning::interval as lock_warning,
       (select decision_id from outbox.queue_cursor) as queued_until,
       $is_full::boolean
       or not exists (select 1
                        from reconciliation.cursor
                       where settings_sha256 = $sha256
                         and erased_count = (select count(*) from reconciliation.erased_key)) as is_full
