-- What     the leads that were converted into the records that are mapped, or into what these belong to
-- Reads    need, newest, raw.Lead, raw.OpportunityContactRole
-- Writes   converted_lead (temporary)
-- Grain    one row per lead
create or replace temp table converted_lead as
with
wanted_id as (
    select distinct Id as id
      from need)
select {columns}
  from raw."Lead"
 where {conditions}
