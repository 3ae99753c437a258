-- What     one scan and join of the tables that a round of leads is computed from, each value looked at
-- Reads    raw.Lead, raw.Lead_version
-- Grain    one row
-- Binds    $after bigint: the last version before the round
select count(*), bit_xor(hash(n)), bit_xor(hash(r))
  from raw."Lead" as r
  join raw."Lead_version" as n on n."Id" = r."Id" and n."_version_id" > $after
