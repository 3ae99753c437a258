-- What     leads as a first load finds them; one of ten was converted into the opportunity of its number
-- Grain    one row per record
-- Binds    $lead_count, $opportunity_count bigint, $at timestamptz
select salesforce_id('00Q', i) as "Id",
       if(i % 10 = 0, 'Qualified', ['Open', 'Working', 'Nurturing'][1 + pick(i, 'status', 3)]) as "Status",
       ['US', 'CA', 'GB', 'DE'][1 + pick(i, 'country', 4)] as "Country",
       lpad(pick(i, 'code', 99999)::varchar, 5, '0') as "PostalCode",
       if(pick(i, 'click', 10) < 3, md5(i::varchar), null) as "Impact_Click_Id__c",
       if(pick(i, 'customer', 10) < 3, 'C-' || i, null) as "Customer_Id__c",
       i % 10 = 0 as "IsConverted",
       if(i % 10 = 0, $at::date, null) as "ConvertedDate",
       if(i % 10 = 0, salesforce_id('006', 1 + i % $opportunity_count), null) as "ConvertedOpportunityId",
       if(i % 10 = 0, salesforce_id('001', (1 + i % $opportunity_count) // 2), null) as "ConvertedAccountId",
       $at - to_hours(1 + pick(i, 'age', 8000)) as "CreatedDate",
       $at - to_minutes(1 + pick(i, 'edit', 60)) as "LastModifiedDate",
       "LastModifiedDate" as "SystemModstamp",
       false as "IsDeleted"
  from range(1, 1 + $lead_count) as t(i)
