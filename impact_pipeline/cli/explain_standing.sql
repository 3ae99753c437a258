-- What     how a record's keys compare on all three sides, and what to do
-- Reads    reconciliation.conversion_status, reconciliation.class
-- Grain    one row per key
-- Binds    $object varchar, $Id varchar
select s."EventTypeCode", s."OrderId", s.class, s.why, s.wanted_amount, s."CurrencyCode", s.impact_amount,
       s.impact_payout, s.impact_currency, s.locking_date, s.is_open, c.remedy
  from reconciliation.conversion_status as s
  join reconciliation.class as c using (class)
 where s.object = $object and s."Id" = $Id
 order by all
