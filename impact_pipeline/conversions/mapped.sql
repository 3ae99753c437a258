select change_id, event, type_is_known, type_kind, owner, sending,
           {campaign_id} as "CampaignId", tracker as "ActionTrackerId", {names},
           uses_lines, is_single, try_cast(gross as decimal(18, 2)) as gross, amount::decimal(18, 2) as amount, cut, remark,
           list_filter([
           {issues}], lambda x: x is not null) as issues
  from (
    with
    wanted_id as (
        select distinct Id as id from need where event = {event}),
    record as (
        select c.change_id, c.event, c.event_at, c.detected_at, c.Id as record_id,
               {moved_on} as moved_on,
               {record}
          from need as c
          join newest as n on n."Id" = c.Id
          join {version_table} as v on v."_version_id" = c.version_id
          {history_joins}
         where c.event = {event}),
    first_lead as (
        {first_lead}),
    primary_contact as (
        {primary_contact}),
    linked as (
        select k.record_id,
               list(distinct u.CustomerId) as linked_pins,
               arg_min(u.CustomerId, (u.pinned_at, u.Id)) as linked_pin
          from ({linked}) as k
          join conversions.customer as u on u.object = k.object and u.Id = k.linked_id
         group by k.record_id),
    own as (
        select u.Id as record_id, any_value(u.CustomerId) as own_pin
          from conversions.customer as u
         where u.object = {object} and u.Id in (from wanted_id)
         group by u.Id),
    lined as (
        select change_id, event, count(*) as line_count, sum(amount) as line_sum,
               first(issue order by item_number) filter (issue is not null) as line_issue,
               bool_or(has_cents) as lines_have_cents,
               list_distinct(flatten(list(currencies))) as line_currencies,
               list_distinct(flatten(list(cut))) as line_cut
          from line
         where event = {event}
         group by all),
    event_type as (
        select * from (values {event_types}) as t(code, tracker, kind, owner, sending)),
    valued as (
        select r.change_id, r.event, r.event_at, r.record_id, r.moved_on,
               {record_currency} as record_currency,
               try_cast({line_amount} as decimal(18, 2)) + {refunded} as line_amount,
               {values}
          from record as r
          left join first_lead as fl on fl.record_id = r.record_id
          left join {lead_table} as l on l."Id" = fl.lead_id
          left join primary_contact as pc on pc.record_id = r.record_id
          left join {contact_table} as k on k."Id" = pc.contact_id
          {joins}
          {lead_joins}
          {contact_joins}),
    joined as (
        select q.*, o.own_pin, k.linked_pin,
               coalesce(k.linked_pins, []) as linked_pins,
               coalesce(d.line_count, 0) as line_count, d.line_sum, d.line_issue, d.line_cut,
               coalesce(d.lines_have_cents, false) as lines_have_cents,
               coalesce(d.line_currencies, []) as line_currencies,
               t.code is not null as type_is_known, t.kind as type_kind, t.owner, t.sending, t.tracker
          from valued as q
          left join own as o using (record_id)
          left join linked as k using (record_id)
          left join lined as d using (change_id, event)
          left join event_type as t on t.code = q."full_EventTypeCode")
    select p.*,
           p.line_count > 0 and not (p.moved_on and p.line_sum is distinct from p.line_amount) as uses_lines,
           {wait_seconds} as wait_seconds,
           case when not {has_items} then {order_amount}
                when uses_lines then p.line_sum
                else p.line_amount end as gross,
           try_cast({net} as decimal(18, 2)) as amount,
           not uses_lines and gross is not null and {may_be_single} as is_single,
           {cut} || case when uses_lines then p.line_cut else [] end as cut,
           case when len(list_filter(linked_pins, lambda pin: pin <> own_pin)) > 0
                then 'CustomerId: keeps its own; a linked record was reported with another'
                when own_pin <> "full_CustomerId"
                then 'CustomerId: keeps what was sent first; the record says another now' end as remark,
           {finished}
      from joined as p) as checked
