-- What     the history rows of the stages that opportunities passed in this round, a second apart
-- Reads    edited, made by round_opportunity.sql
-- Grain    one row per passage
-- Binds    $round integer
select replace(left("Id", 15), '006am', '008' || chr(97 + $round // 26) || chr(97 + $round % 26)) ||
       lpad(n::varchar, 3, '0') as "Id",
       "Id" as "OpportunityId", passed[n] as "StageName", "Amount", "CloseDate",
       "LastModifiedDate" - to_seconds(len(passed) - n) as "CreatedDate", "CreatedDate" as "SystemModstamp",
       false as "IsDeleted"
  from edited, range(1, 3) as t(n)
 where n <= len(passed)
