-- What     an empty place for the renamed values of all objects
-- Writes   rename (temporary)
-- Grain    one row per rename: a value of a field, its name before and after, when, and whether a person accepted it
create or replace temp table rename (
    object      varchar,
    field       varchar,
    old_name    varchar,
    new_name    varchar,
    renamed_at  timestamptz,
    subject     varchar,
    is_accepted boolean)
