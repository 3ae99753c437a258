-- What     the event types of the configuration
-- Writes   event_type (temporary)
-- Grain    one row per code
-- Binds    $codes text[], $ids text[], $owners text[], in one order
create or replace temp table event_type as
select unnest($codes::varchar[]) as EventTypeCode,
       unnest($ids::varchar[]) as ActionTrackerId,
       unnest($owners::varchar[]) as owner
