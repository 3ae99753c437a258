-- What     the line items of the measured org, spread over its opportunities, made from their number alone
-- Writes   OpportunityLineItem.csv, as the simulated org loads it
-- Grain    one row per line item
-- Binds    $count bigint (of opportunities), $lines bigint, $now timestamp
with numbered as (
    select j, j % $count as i, (1 + j % 4)::decimal(18, 2) as quantity,
           ((995 + (j * 37) % 400000) / 100)::decimal(18, 2) as price,
           ($now - to_seconds(3600 + ((j % $count) * 7919) % 31000000))::timestamp as stamp
      from range($lines) lines(j)
)
select '00kam2' || lpad(j::varchar, 9, '0') as "Id",
       '006am2' || lpad(i::varchar, 9, '0') as "OpportunityId",
       '01uam2' || lpad((j % 500)::varchar, 9, '0') as "PricebookEntryId",
       '01tam2' || lpad((j % 500)::varchar, 9, '0') as "Product2Id",
       'SKU-' || lpad((j % 500)::varchar, 5, '0') as "ProductCode",
       'Deal ' || i || ' GTX ' || (j % 500) as "Name",
       (j // $count + 1)::integer as "SortOrder",
       quantity as "Quantity",
       price as "UnitPrice",
       (quantity * price)::decimal(18, 2) as "TotalPrice",
       price as "ListPrice",
       case when j % 3 = 0 then (stamp + to_days((j % 60)::integer))::date end as "ServiceDate",
       case when j % 2 = 0 then 'Term, ' || (j % 36) || ' months' end as "Description",
       strftime(stamp, '%Y-%m-%dT%H:%M:%S.000Z') as "CreatedDate",
       strftime(stamp + to_seconds(j % 3000), '%Y-%m-%dT%H:%M:%S.000Z') as "LastModifiedDate",
       strftime(stamp + to_seconds(j % 3000), '%Y-%m-%dT%H:%M:%S.000Z') as "SystemModstamp",
       '005am00000000z1' as "CreatedById",
       '005am00000000z1' as "LastModifiedById"
  from numbered
 order by j
