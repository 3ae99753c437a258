-- What     the products that lines refer to
-- Grain    one row per record
-- Binds    $at timestamptz
select salesforce_id('01t', i) as "Id",
       'Product ' || i as "Name",
       'P-' || i as "ProductCode",
       'Family ' || i % 20 as "Family",
       $at as "CreatedDate", $at as "LastModifiedDate", $at as "SystemModstamp",
       false as "IsDeleted"
  from range(1000) as t(i)
