-- What     compares the Ids that Salesforce lists with those that we hold
-- Reads    temp table capture_text, {table}
-- Grain    one row: Ids missing there, Ids not living here, how many we hold as living
-- Binds    $until timestamptz
with
listed as (
    select salesforce_id("Id") as id, coalesce({is_deleted}, false) as is_deleted
      from capture_text),
held as (
    select "Id" as id,
           not "_is_deleted" and "_deleted_how" is null as is_here,
           is_here and {created} < $until as is_living
      from {table}),
missing as (
    select h.id
      from held as h
      left join listed as l on l.id = h.id
     where h.is_living
       and coalesce(l.is_deleted, true)),
unknown as (
    select l.id
      from listed as l
     where not l.is_deleted
       and l.id not in (select id from held where is_here))
select (select coalesce(list(id order by id), []) from missing),
       (select coalesce(list(id order by id), []) from unknown),
       (select count(*) from held where is_living)
