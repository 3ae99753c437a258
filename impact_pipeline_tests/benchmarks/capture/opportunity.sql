-- What     the opportunities of the measured org, a year old at most, made from their number alone
-- Writes   Opportunity.csv, as the simulated org loads it
-- Grain    one row per opportunity
-- Binds    $count bigint, $lines bigint, $now timestamp
with numbered as (
    select i, ($now - to_seconds(3600 + (i * 7919) % 31000000))::timestamp as stamp
      from range($count) numbers(i)
),
totals as (
    select j % $count as i, sum(total) as amount, sum(quantity) as quantity
      from (
               select j, (1 + j % 4)::decimal(18, 2) as quantity,
                      ((1 + j % 4) * (995 + (j * 37) % 400000) / 100)::decimal(18, 2) as total
                 from range($lines) lines(j)
           )
     group by all
),
staged as (
    select *,
           ['Prospecting', 'Qualification', 'Proposal/Price Quote', 'Negotiation/Review', 'Closed Won', 'Closed Lost'][
               1 + (i * 31) % 6] as stage,
           [10, 10, 75, 90, 100, 0][1 + (i * 31) % 6]::decimal(18, 2) as probability
      from numbered left join totals using (i)
)
select '006am2' || lpad(i::varchar, 9, '0') as "Id",
       '001am2' || lpad((i % 5000)::varchar, 9, '0') as "AccountId",
       '005am00000000z1' as "OwnerId",
       '701am2' || lpad((i % 40)::varchar, 9, '0') as "CampaignId",
       ['Hatfan', 'Müller & Söhne', 'Acme "West"', 'Nordlicht', '株式会社サンプル'][1 + i % 5] || ' - ' || left(md5(i::varchar), 12)
           as "Name",
       'Line one, of ' || md5((i + 1)::varchar) || e'\nline two: ' || (i % 977) || ' seats' as "Description",
       stage as "StageName",
       amount as "Amount",
       probability as "Probability",
       (coalesce(amount, 0) * probability / 100)::decimal(18, 2) as "ExpectedRevenue",
       quantity as "TotalOpportunityQuantity",
       (stamp + to_days((i % 90)::integer))::date as "CloseDate",
       ['New Business', 'Existing Business', null][1 + i % 3] as "Type",
       case when i % 4 > 0 then 'Call back in week ' || (i % 52) end as "NextStep",
       ['Web', 'Partner', 'Phone Inquiry', 'Other'][1 + (i * 13) % 4] as "LeadSource",
       stage like 'Closed%' as "IsClosed",
       stage = 'Closed Won' as "IsWon",
       case when stage like 'Closed%' then 'Closed' else 'Pipeline' end as "ForecastCategoryName",
       amount is not null as "HasOpportunityLineItem",
       year(stamp) as "FiscalYear",
       strftime(stamp, '%Y-%m-%dT%H:%M:%S.000Z') as "CreatedDate",
       strftime(stamp + to_seconds(i % 3000), '%Y-%m-%dT%H:%M:%S.000Z') as "LastStageChangeDate",
       strftime(stamp + to_seconds(i % 3000), '%Y-%m-%dT%H:%M:%S.000Z') as "LastModifiedDate",
       strftime(stamp + to_seconds(i % 3000), '%Y-%m-%dT%H:%M:%S.000Z') as "SystemModstamp",
       '005am00000000z1' as "CreatedById",
       '005am00000000z1' as "LastModifiedById"
  from staged
 order by i
