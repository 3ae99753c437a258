-- What     compares what impact.com should show with what it was told, and says which correction that takes
-- Reads    conversions.wanted, conversion, item; outbox.request; audit.action
-- Writes   correction (temporary)
-- Grain    one row per reported event that is in conversions.wanted, or was when its waiting correction was queued
-- Columns  Type, body: the correction to be told, body null while its action is not visible; both null where none is
--          left_out: why a difference is not told: locked, limit, refused_before, amount_not_positive
--          open_id, open_Type, open_body, open_is_frozen: its correction that waits to be sent
--          shows_late: that is a reversal which left before, and the action is reversed
--          is_busy: one is under way, so that this one has to wait
-- Binds    $now timestamptz, $corrections_maximum integer
create or replace temp table correction as
with
reported as (
    select r.*
      from outbox.request as r
     where r.Type = 'Conversion'
       and r.event_id in (select event_id from conversions.wanted
                           union
                          select event_id from outbox.request where Type <> 'Conversion' and state = 'ready')
   qualify row_number() over (partition by r.event_id order by r.request_id desc) = 1),
sku as (
    select event_id, i.ItemSku, i.ItemQuantity, i.ItemSubTotal, true as is_wanted
      from (select event_id, unnest(items) as i
              from conversions.wanted)
    union all
    select i.event_id, i.ItemSku, i.ItemQuantity, i.ItemSubTotal, false
      from conversions.item as i
      join conversions.wanted as w using (event_id)),
numbered as (
    select *,
           row_number() over (partition by event_id, is_wanted order by ItemSku) as n,
           case n when 1 then '' else n::varchar end as suffix
      from sku),
item_form as (
    select event_id, is_wanted,
           string_agg(
               concat_ws('&',
                   'Sku' || suffix || '=' || url_encode(ItemSku),
                   'Quantity' || suffix || '=' || url_encode(ItemQuantity),
                   case when ItemQuantity <> '0' then 'Amount' || suffix || '=' || url_encode(ItemSubTotal) end),
               '&' order by n) as form
      from numbered
     group by event_id, is_wanted),
told as (
    select event_id,
           count(*) filter (where state <> 'withdrawn' and Type <> 'Approval') as corrections,
           bool_or(Type = 'Approval' and (state in ('intended', 'accepted', 'in_doubt')
                                          or (state = 'settled' and outcome = 'credited'))) as is_approved,
           bool_or(Type = 'Reversal' and (state in ('intended', 'accepted', 'in_doubt')
                                          or (state = 'settled' and outcome = 'credited'))) as is_reversed,
           bool_or(state in ('intended', 'accepted', 'in_doubt')) as is_busy,
           arg_max(regexp_replace(payload, '^ActionId=[^&]*&', ''), request_id)
               filter (where Type = 'Modification'
                         and (state in ('intended', 'accepted', 'in_doubt')
                              or (state = 'settled' and outcome = 'credited'))) as modification,
           list(payload) filter (where state = 'refused'
                                    or (state = 'settled' and outcome = 'rejected')) as refused,
           list(amount) filter (where Type = 'Modification' and intended_at is not null) as told_amounts,
           max(settled_at) as last_settled_at
      from outbox.request
     where Type <> 'Conversion'
     group by event_id),
waiting as (
    select event_id, request_id, Type, payload, intended_at is not null as is_frozen
      from outbox.request
     where Type <> 'Conversion'
       and state = 'ready'
   qualify row_number() over (partition by event_id order by request_id desc) = 1),
-- As audit.current_action, which can not be asked for some keys only without looking at every action.
current_action as (
    select *
      from audit.action
     where action_id in (select action_id from audit.action where Oid in (select OrderId from reported))
   qualify row_number() over (partition by action_id order by observed_at desc) = 1),
action as (
    select CampaignId, ActionTrackerId, Oid,
           arg_max(action_id, (CreationDate, action_id)) filter (where State <> 'REVERSED') as action_id,
           arg_max(LockingDate, (CreationDate, action_id)) filter (where State <> 'REVERSED') as LockingDate,
           arg_max(State, (CreationDate, action_id)) filter (where State <> 'REVERSED') = 'APPROVED' as is_approved,
           arg_max(Amount, (CreationDate, action_id)) filter (where State <> 'REVERSED') as Amount,
           arg_max(observed_at, (CreationDate, action_id)) filter (where State <> 'REVERSED') as observed_at,
           count(*) filter (where State <> 'REVERSED') = 0 as is_reversed
      from current_action
     group by all),
formed as (
    select r.request_id, r.event_id, r.state as reported_state, r.outcome as reported_outcome,
           w.state as wanted_state, w.approval, w.amount, w.wanted_at, len(w.items) as item_count,
           w.amount > 0 or w.amount is null and c.amount is null as is_positive,
           coalesce(t.corrections, 0) as corrections,
           coalesce(t.is_reversed, false) as is_reversed,
           coalesce(t.is_approved, false) or coalesce(a.is_approved, false) as is_approved,
           coalesce(t.is_busy, false) as is_busy,
           coalesce(a.is_reversed, false) as action_is_reversed,
           coalesce(t.refused, []) as refused,
           a.action_id, a.LockingDate,
           coalesce(wf.form, 'Amount=' || url_encode(w.amount::varchar)) as wanted_form,
           coalesce(bf.form, 'Amount=' || url_encode(c.amount::varchar)) as base_form,
           concat_ws('&', wanted_form, 'CustomerStatus=' || url_encode(w.CustomerStatus),
                     'Reason=' || url_encode(coalesce(w.code, 'ORDER_UPDATE'))) as modification_body,
           'DispositionCode=' || url_encode(coalesce(w.code, 'REJECTED')) as reversal_body,
           -- One whose answer was lost may take effect after those that were told later.
           coalesce(a.Amount <> w.amount
                    and list_contains(t.told_amounts, a.Amount)
                    and (t.last_settled_at is null or a.observed_at > t.last_settled_at), false) as shows_earlier_value,
           -- An approval alone asks for no amount.
           case when wanted_form is null and w.CustomerStatus is null then false
                when shows_earlier_value then true
                when t.modification is not null then modification_body <> t.modification
                else wanted_form <> base_form or w.CustomerStatus is not null end as differs,
           o.request_id as open_id, o.Type as open_Type, o.payload as open_body, o.is_frozen as open_is_frozen
      from reported as r
      left join conversions.wanted as w using (event_id)
      join conversions.conversion as c using (event_id)
      left join item_form as wf on wf.event_id = r.event_id and wf.is_wanted
      left join item_form as bf on bf.event_id = r.event_id and not bf.is_wanted
      left join told as t on t.event_id = r.event_id
      left join waiting as o on o.event_id = r.event_id
      left join action as a
        on a.CampaignId = r.CampaignId and a.ActionTrackerId = r.ActionTrackerId and a.Oid = r.OrderId),
typed as (
    select *,
           case when reported_state not in ('intended', 'in_doubt', 'accepted', 'settled')
                     or coalesce(reported_outcome, 'credited') in ('not_credited', 'rejected', 'no_trace')
                     or is_reversed or action_is_reversed then null
                when wanted_state = 'reversed' then 'Reversal'
                when differs then 'Modification'
                -- Last: an approved action takes nothing more.
                when approval is not null and not is_approved then 'Approval' end as wanted_Type
      from formed),
bodied as (
    select *,
           'ActionId=' || url_encode(action_id) || '&'
           || case wanted_Type when 'Reversal' then reversal_body
                               when 'Modification' then modification_body
                               when 'Approval' then 'Reason=' || url_encode(approval) end as wanted_body
      from typed)
select request_id, event_id, amount, wanted_at, item_count, is_busy, action_id,
       open_id, open_Type, open_body, open_is_frozen,
       coalesce(open_Type = 'Reversal' and open_is_frozen and action_is_reversed, false) as shows_late,
       case when wanted_Type is null then null
            when wanted_Type = 'Modification' and not coalesce(is_positive, false) then 'amount_not_positive'
            when LockingDate <= $now then 'locked'
            when wanted_Type <> 'Approval' and open_id is null and corrections >= $corrections_maximum then 'limit'
            when list_contains(refused, wanted_body) then 'refused_before' end as left_out,
       case when left_out is null then wanted_Type end as Type,
       case when left_out is null then wanted_body end as body
  from bodied
