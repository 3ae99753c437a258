-- What     edits of opportunities: four of five pass a stage or two, the others move the close date; one of twenty gets
--          another amount (or quantity), one of a hundred is deleted; one of fifty records is new
-- Reads    raw.Opportunity
-- Grain    one row per record edited or created; `passed`: the stages that it passed
-- Binds    $round integer, $touched bigint, $made bigint, $at timestamptz
select * replace (
           stage_at(stage_place("StageName") + steps) as "StageName",
           "CloseDate" + if(steps = 0, 7, 0) as "CloseDate",
           "Amount" + if(dearer, 10, 0) as "Amount",
           if(steps > 0, edited_at, "LastStageChangeDate") as "LastStageChangeDate",
           edited_at as "LastModifiedDate",
           edited_at as "SystemModstamp",
           pick("Id", 'gone' || $round, 100) = 0 as "IsDeleted"),
       list_transform(range(1, 1 + steps), lambda n: stage_at(stage_place("StageName") + n)) as passed
  from (select *,
               [0, 1, 1, 1, 2][1 + pick("Id", 'steps' || $round, 5)] as steps,
               pick("Id", 'dearer' || $round, 20) = 0 as dearer,
               $at - to_seconds(60 + pick("Id", 'edit' || $round, 3000)) as edited_at
          from raw."Opportunity"
         where pick("Id", 'touch' || $round, (select count(*) from raw."Opportunity")) < $touched)
 union all by name
select salesforce_id('006', 1000000000 + $round * 10000000 + i) as "Id", salesforce_id('001', i) as "AccountId",
       stage_at(i) as "StageName", 50.00 as "Amount", $at::date + 30 as "CloseDate",
       false as "HasOpportunityLineItem", false as "IsDeleted", $at - to_seconds(60 + i % 3000) as "CreatedDate",
       "CreatedDate" as "LastStageChangeDate", "CreatedDate" as "LastModifiedDate", "CreatedDate" as "SystemModstamp",
       [stage_at(i)] as passed
  from range($made) as t(i)
