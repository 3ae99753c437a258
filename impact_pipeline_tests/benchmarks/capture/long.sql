-- What     an object of many small records, made from their number alone
-- Writes   Long__c.csv, as the simulated org loads it
-- Grain    one row per record
-- Binds    $count bigint, $now timestamp
select 'a0Lam2' || lpad(i::varchar, 9, '0') as "Id",
       'Record ' || i as "Name",
       '005am00000000z1' as "OwnerId",
       ((i * 7919) % 100000000 / 100)::decimal(18, 2) as "Amount__c",
       (date '2026-01-01' + (i % 300)::integer)::date as "Day__c",
       ['red', 'green', 'blue'][1 + i % 3] as "Color__c",
       i % 2 = 0 as "Flag__c",
       strftime($now - to_seconds(3600 + i % 31000000), '%Y-%m-%dT%H:%M:%S.000Z') as "CreatedDate",
       strftime($now - to_seconds(3600 + i % 31000000), '%Y-%m-%dT%H:%M:%S.000Z') as "LastModifiedDate",
       strftime($now - to_seconds(3600 + i % 31000000), '%Y-%m-%dT%H:%M:%S.000Z') as "SystemModstamp"
  from range($count) numbers(i)
 order by i
