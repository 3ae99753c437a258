-- What     lists where the answers lead
-- Reads    answer
-- Writes   move
-- Grain    one row per request of the group
insert into move by name
select request_id,
       'intended' as from_state,
       to_state,
       reason,
       case when http_status is not null then 'HTTP ' || http_status end as detail,
       wait,
       due_at,
       next_look_at,
       (verdict is not null)::integer as attempts,
       submission_id
  from answer
