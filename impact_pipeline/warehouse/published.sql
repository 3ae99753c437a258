-- What     what the readers' copy says of itself
-- Writes   published.warehouse.published
-- Grain    one row
create table published.warehouse.published (
    published_at  timestamptz not null,
    transition_id bigint,
    cycle_id      varchar);
comment on table published.warehouse.published is 'When this copy was made, and how far it goes.';
comment on column published.warehouse.published.published_at is 'When it was made. UTC.';
comment on column published.warehouse.published.transition_id is 'The newest move of a request in it.';
comment on column published.warehouse.published.cycle_id is 'The newest cycle in it.';
