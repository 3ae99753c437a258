-- What     the rows that were compared by a rate that has moved
-- Reads    changed_rate, audit.action, reconciliation.conversion_status
-- Writes   due (temporary)
-- Grain    one row per key
insert into due
select distinct s.key, s.event_id
  from (select key, event_id, CurrencyCode, unnest(action_ids) as action_id
          from reconciliation.conversion_status
         where CurrencyCode in (select CurrencyCode from changed_rate)) as s
  join audit.action as a using (action_id)
  join changed_rate as c on c.CurrencyCode = s.CurrencyCode and c.Currency = a.Currency
 where a.CreationDate::date between c.day - 3 and c.day + 3
