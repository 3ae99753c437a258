-- What     the first line of each opportunity whose amount grew, dearer by as much
-- Reads    edited, made by round_opportunity.sql; raw.OpportunityLineItem
-- Grain    one row per line
select l.* replace (
           l."TotalPrice" + 10 as "TotalPrice",
           e."LastModifiedDate" as "LastModifiedDate",
           e."LastModifiedDate" as "SystemModstamp")
  from edited as e
  join raw."OpportunityLineItem" as l on l."OpportunityId" = e."Id" and l."SortOrder" = 1
 where e.dearer
