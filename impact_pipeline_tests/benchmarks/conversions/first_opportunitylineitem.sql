-- What     lines as a first load finds them
-- Grain    one row per line
-- Binds    $opportunity_count bigint, $lines_each integer, $at timestamptz
select salesforce_id('00k', i * $lines_each + k) as "Id",
       salesforce_id('006', i) as "OpportunityId",
       salesforce_id('01t', pick(i, 'product' || k, 1000)) as "Product2Id",
       line_quantity(i, k)::decimal(18, 2) as "Quantity",
       "Quantity" * line_price(i, k) as "TotalPrice",
       k as "SortOrder",
       $at - to_hours(1) as "CreatedDate", "CreatedDate" as "LastModifiedDate", "CreatedDate" as "SystemModstamp",
       false as "IsDeleted"
  from range(2, 1 + $opportunity_count, 2) as t(i), range(1, 1 + $lines_each) as u(k)
