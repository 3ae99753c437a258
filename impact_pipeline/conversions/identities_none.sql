-- What     the events whose identities the configuration has changed, and no person has accepted that yet
-- Writes   changed_identity (temporary)
-- Grain    one row per object and event; filled by identities.py
create or replace temp table changed_identity (
    object varchar,
    event  varchar,
    detail varchar)
