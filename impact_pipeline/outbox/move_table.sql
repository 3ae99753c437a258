-- What     the empty list of moves that a transaction is about to make
-- Writes   move (temporary)
-- Grain    one row per move; null in a column of the request's own keeps what stands there, but for wait
-- Columns  is_thawed: impact.com has nothing of it, so its body may follow the record and the mapping again
create or replace temp table move (
    request_id    bigint,
    from_state    varchar,
    to_state      varchar,
    outcome       varchar,
    reason        varchar,
    detail        varchar,
    wait          varchar,
    due_at        timestamptz,
    next_look_at  timestamptz,
    needs_person  boolean default false,
    attempts      integer default 0,
    group_id      varchar,
    submission_id varchar,
    action_id     varchar,
    intended_at   timestamptz,
    is_thawed     boolean default false)
