-- What     what a first load finds of each opportunity's history: the row of its creation
-- Reads    raw.Opportunity
-- Grain    one row per record
select replace("Id", '006am', '008am') as "Id", "Id" as "OpportunityId", "StageName", "Amount", "CloseDate",
       "CreatedDate", "CreatedDate" as "SystemModstamp", false as "IsDeleted"
  from raw."Opportunity"
