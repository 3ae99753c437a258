-- What     money of the conversions that a run had accepted
-- Reads    outbox.request
-- Grain    one row per currency
-- Binds    $run_id varchar, $token bigint
select coalesce(CurrencyCode, ''), sum(amount)
  from outbox.request
 where Type = 'Conversion'
   and state = 'accepted'
   and run_id = $run_id
   and lease_token = $token
   and amount is not null
 group by all
 order by all
