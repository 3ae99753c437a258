-- What     one scan and join of the tables that a round of opportunities is computed from, each value looked at
-- Reads    raw.Opportunity, raw.Opportunity_version, raw.OpportunityLineItem, raw.OpportunityHistory_version
-- Grain    one row
-- Binds    $after bigint: the last version before the round
select count(*), bit_xor(hash(n)), bit_xor(hash(r)), bit_xor(hash(l)), bit_xor(hash(h))
  from raw."Opportunity" as r
  join raw."Opportunity_version" as n on n."Id" = r."Id" and n."_version_id" > $after
  left join raw."OpportunityLineItem" as l on l."OpportunityId" = r."Id"
  left join raw."OpportunityHistory_version" as h on h."OpportunityId" = r."Id" and h."_version_id" > $after
