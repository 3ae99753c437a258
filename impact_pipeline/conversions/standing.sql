-- What     tells for each pair how its business event stands: the newest entry that another change carries already
-- Reads    fact, carried, conversions.wanted, outbox.request
-- Writes   standing (temporary)
-- Grain    one row per pair whose event is carried by another change; pairs never met before are absent
create or replace temp table standing as
with
carrier as (
    select f.change_id, f.event,
           d.event_id, d.entry, d.decision
      from fact as f
      join carried as d on d.event_key = f.event_key
     where not (d.change_id = f.change_id and d.event = f.event)
   qualify row_number() over (partition by f.change_id, f.event order by d.entry desc, d.change_id) = 1),
sent as (
    select r.event_id,
           -- What is told once more may have arrived the first time.
           bool_or(r.Type = 'Reversal' and (r.state in ('intended', 'accepted', 'in_doubt')
                                            or r.state = 'ready' and r.reason = 'same_value_again')) as reversal_is_open,
           bool_or(r.Type = 'Reversal' and r.state = 'settled' and r.outcome = 'credited') as reversal_is_done
      from outbox.request as r
     where r.event_id in (select event_id from carrier)
     group by r.event_id)
select c.change_id, c.event, c.event_id, c.entry,
       case when s.reversal_is_done then 'reversed'
            when s.reversal_is_open then 'reversal_open'
            when w.state = 'reversed' then 'reversal_wanted'
            when c.decision = 'hold' then 'held'
            when c.decision = 'skip' then 'registered'
            else 'live' end as stands
  from carrier as c
  left join sent as s using (event_id)
  left join conversions.wanted as w using (event_id)
