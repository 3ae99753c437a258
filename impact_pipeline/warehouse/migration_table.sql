-- What     the record of the migrations themselves, made before the first one
-- Writes   warehouse.migration
-- Grain    one row per applied migration
create schema warehouse;
create table warehouse.migration (
    version    integer not null,
    name       varchar not null,
    sha256     varchar not null,
    applied_at timestamptz not null);
comment on table warehouse.migration is 'One row per migration that was applied to this file.';
comment on column warehouse.migration.version is 'Its number.';
comment on column warehouse.migration.name is 'Name of its file, without .sql.';
comment on column warehouse.migration.sha256 is 'SHA-256 of its text, hex. Another text under the same number is refused.';
comment on column warehouse.migration.applied_at is 'When. UTC.';
