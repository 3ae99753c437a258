-- What     edits of leads: one of three is another status, the others move an address; one of fifty records is new
-- Reads    raw.Lead
-- Grain    one row per record edited or created
-- Binds    $round integer, $touched bigint, $made bigint, $at timestamptz
select * replace (
           if(pick("Id", 'what' || $round, 3) = 0,
              ['Open', 'Working', 'Nurturing', 'Qualified'][1 + pick("Id", 'to' || $round, 4)], "Status") as "Status",
           lpad(pick("Id", 'code' || $round, 99999)::varchar, 5, '0') as "PostalCode",
           $at - to_seconds(60 + pick("Id", 'edit' || $round, 3000)) as "LastModifiedDate",
           $at - to_seconds(60 + pick("Id", 'edit' || $round, 3000)) as "SystemModstamp")
  from raw."Lead"
 where pick("Id", 'touch' || $round, (select count(*) from raw."Lead")) < $touched
 union all by name
select salesforce_id('00Q', 1000000000 + $round * 10000000 + i) as "Id", 'Open' as "Status", 'US' as "Country",
       false as "IsConverted", false as "IsDeleted", $at - to_seconds(60 + i % 3000) as "CreatedDate",
       "CreatedDate" as "LastModifiedDate", "CreatedDate" as "SystemModstamp"
  from range($made) as t(i)
