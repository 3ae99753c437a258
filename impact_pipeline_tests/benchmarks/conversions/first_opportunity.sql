-- What     opportunities as a first load finds them; those with an even number have lines, one of a hundred has no amount
-- Grain    one row per record
-- Binds    $opportunity_count bigint, $lines_each integer, $at timestamptz
select salesforce_id('006', i) as "Id",
       salesforce_id('001', i // 2) as "AccountId",
       stage_at([0, 0, 0, 0, 0, 1, 1, 2, 3, 4][1 + pick(i, 'stage', 10)]) as "StageName",
       case when i % 2 = 0 and $lines_each > 0
                 then list_sum(list_transform(range(1, 1 + $lines_each),
                                              lambda k: line_price(i, k) * line_quantity(i, k)))
            when pick(i, 'amount', 100) > 0 then 100 + pick(i, 'amount', 90000) end::decimal(18, 2) as "Amount",
       $at::date + pick(i, 'close', 90) as "CloseDate",
       if(pick(i, 'click', 10) < 3, md5(i::varchar), null) as "Impact_Click_Id__c",
       if(pick(i, 'customer', 10) < 1, 'C-' || i, null) as "Customer_Id__c",
       i % 2 = 0 and $lines_each > 0 as "HasOpportunityLineItem",
       $at - to_hours(1 + pick(i, 'age', 8000)) as "CreatedDate",
       "CreatedDate" as "LastStageChangeDate",
       $at - to_minutes(1 + pick(i, 'edit', 60)) as "LastModifiedDate",
       "LastModifiedDate" as "SystemModstamp",
       false as "IsDeleted"
  from range(1, 1 + $opportunity_count) as t(i)
