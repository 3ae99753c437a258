-- What     what this call would have sent or corrected, but for what a person asked for or released
-- Reads    conversions.current_decision, conversions.conversion, changes.change, outbox.request
-- Writes   told (temporary)
-- Grain    one row per pair; money: what is sent, or by how much a correction moves what was sent
-- Binds    $after bigint: the newest decision before this call
create or replace temp table told as
with
fresh as (
    select *
      from conversions.current_decision
     where decision_id > $after
       and (decision = 'send' and carries or decision = 'correct')
       and decided_by is null),
reported as (
    select event_id
      from outbox.request
     where Type = 'Conversion'
       and event_id in (select event_id from fresh where decision = 'correct')
     group by event_id
    having bool_or(intended_at is not null and state <> 'withdrawn'))
select f.decision_id, f.change_id, f.event, f.event_id, f.object, f.decision,
       case when f.decision = 'send' then abs(coalesce(f.amount, 0))
            else abs(coalesce(f.amount, 0) - coalesce(v.amount, 0)) end as money,
       coalesce(f.CurrencyCode, v.CurrencyCode) as CurrencyCode,
       case when c.kind = 'items' then ['items'] else c.fields end as fields
  from fresh as f
  join (select change_id, kind, fields
          from changes.change
         where change_id in (select change_id from fresh)) as c using (change_id)
  left join conversions.conversion as v on v.event_id = f.event_id
 where f.decision = 'send'
    or f.event_id in (select event_id from reported)
