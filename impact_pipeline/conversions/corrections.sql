-- What     decides for changes that did not send what they mean for an event that was reported before
-- Reads    fact, answer, standing, mapped, mapped_item, open_pair, carried, entered_before, conversions.conversion,
--          item, wanted, word, current_word, kept_reversal, outbox.request, audit.current_action
-- Writes   correction (temporary)
-- Grain    one row per pair whose answer becomes correct, hold or skip because of a reported event
--          is_restoring: the event was entered again before its reversal was carried out
-- Binds    $now timestamptz, $account_currency varchar, $corrections_maximum integer
--          $modifying {event: varchar, code: varchar}[]: the events that a rule may modify
-- Rules    cases E2, E4, E6, E7, F1 to F5, G5 to G19, G23, G27, H8, H15 of the conformance suite
create or replace temp table correction as
with
modifying as (
    select unnest(from_json($modifying::json, '[{"event": "VARCHAR", "code": "VARCHAR"}]'), recursive := true)),
-- What it is by now counts, whatever was changed while it was not to be there.
restoring as (
    select a.change_id, a.event, s.event_id, {'do': 'modify', 'code': m.code} as rule
      from answer as a
      join standing as s using (change_id, event)
      left join open_pair as o using (change_id, event)
      left join modifying as m using (event)
     where a.decision = 'skip'
       and a.reason = 'already_reported'
       and (s.stands = 'reversal_wanted'
            or o.reason in ('correction_impossible', 'correction_currency', 'flapping', 'amount_not_positive')
            -- Lost and won again within this call: what was changed meanwhile asked for nothing but to take it back.
            or (a.Id, a.event) in (select Id, event
                                     from fact
                                    where rule.do = 'reverse'
                                      and kind not in ('history', 'deleted', 'requested', 'refund')))
       and s.event_id not in (select event_id from kept_reversal)),
every_asking as (
    select a.change_id, a.event, a.object, a.Id, a.kind, a.reason as skip_reason, f.touches_mapping, f.approval,
           a.kind = 'deleted' and f.was_missing as was_missing, f.is_missing,
           -- A person's wish is a rule of its own, for the one event that it names.
           case when f.kind = 'requested' then case when r.word_id is not null then {'do': 'reverse', 'code': r.code} end
                when b.rule.code is not null then b.rule
                else f.rule end as rule,
           coalesce(r.event_id, b.event_id) as asked_event_id,
           -- It shows how the record stands after all that its history tells by then, whatever its time.
           a.kind in ('baseline', 'appeared', 'created') as is_first_sight,
           case when is_first_sight then greatest(a.event_at, f.modified_at) else a.event_at end as stood_at,
           b.change_id is not null as is_restoring,
           coalesce(r.reason, w.reason) as why, coalesce(r.said_by, w.said_by) as said_by,
           a.event_at, f.by_history,
           w.word, w.subject, g.change_id is not null as is_guarded, g.detail as guard
      from answer as a
      join fact as f using (change_id, event)
      left join conversions.word as r on r.word = 'reverse' and r.change_id = a.change_id and r.event = a.event
      left join conversions.current_word as w on w.change_id = a.change_id and w.event = a.event
      left join restoring as b on b.change_id = a.change_id and b.event = a.event
      left join open_pair as g
        on g.change_id = a.change_id and g.event = a.event and g.reason = 'mass_change'
     where b.rule.code is not null
        or (a.decision = 'skip'
            or a.decision = 'hold' and f.trigger_answer <> 'fire'
               and a.reason in ('correction_impossible', 'correction_currency', 'flapping', 'amount_not_positive'))
           and f.kind <> 'merged'
           -- What is seen for the first time, or is there again, may be lost, though it was won before; and between two
           -- captures a record may have been won and lost, of which only its history tells.
           and (f.kind not in ('baseline', 'appeared', 'undeleted', 'history') or f.rule.do = 'reverse')
           and (f.kind <> 'history' or a.reason = 'condition_false')),
asking as (
    select *
      from every_asking as q
     where q.kind <> 'history'
        or q.is_restoring
        or not exists (select 1
                         from every_asking as v
                        where v.Id = q.Id and v.event = q.event
                          and v.rule.do = 'reverse'
                          and case when v.kind = 'history' then (v.event_at, v.change_id) > (q.event_at, q.change_id)
                                   else v.kind not in ('deleted', 'requested', 'refund') and v.stood_at >= q.event_at end)),
-- The last passage by which its history tells that it was lost.
lost as (
    select Id, event, max((event_at, change_id)) as lost_at
      from every_asking
     where kind = 'history'
       and rule.do = 'reverse'
     group by all),
carrier as (
    select Id, event, change_id, event_key, event_id, decision, amount, CurrencyCode, EventTypeCode, OrderId, event_at, entry,
           false as is_new
      from carried
     union all
    -- A deal that was won and lost between two captures.
    select Id, event, change_id, event_key, event_id, decision, amount, CurrencyCode, EventTypeCode, OrderId, event_at,
           entry, true
      from answer
     where carries
       and (change_id, event) not in (select change_id, event from carried)),
concerned as (
    select q.change_id, q.event,
           d.change_id as carrier_id, d.event_at as carrier_at, d.is_new,
           d.event_key, d.event_id, d.decision, d.amount, d.CurrencyCode, d.EventTypeCode, d.OrderId
      from asking as q
      join carrier as d on d.Id = q.Id and d.event = q.event
     where d.decision in ('send', 'hold')
       and coalesce(d.event_id = q.asked_event_id, true)
       and case when q.kind = 'history' and not q.is_restoring then (d.event_at, d.change_id) <= (q.event_at, q.change_id)
                when q.rule.do = 'reverse' and q.kind not in ('deleted', 'requested', 'refund') then d.event_at <= q.stood_at
                else not d.is_new end
   qualify row_number() over (partition by q.change_id, q.event order by d.event_at desc, d.entry desc) = 1),
-- When a reported event was entered again, as this cycle has found.
entered as (
    select coalesce(s.event_id, a.event_id) as event_id, max((a.event_at, a.change_id)) as entered_at
      from answer as a
      join fact as f using (change_id, event)
      left join standing as s using (change_id, event)
     where a.decision = 'skip'
       and a.reason = 'already_reported'
       and f.rule.do is distinct from 'reverse'
       and coalesce(s.event_id, a.event_id) not in (select event_id from kept_reversal)
     group by all),
request as (
    select r.event_id, r.state, r.outcome, r.ActionTrackerId, r.OrderId,
           r.intended_at is null and (r.state in ('ready', 'withdrawn') or r.outcome = 'no_trace') as is_unsent
      from outbox.request as r
     where r.Type = 'Conversion'
       and r.event_id in (select event_id from concerned)
   qualify row_number() over (partition by r.event_id order by r.request_id desc) = 1),
told as (
    select event_id,
           count(*) as correction_count,
           bool_or(Type = 'Modification') as is_modified
      from outbox.request
     where Type <> 'Conversion'
       and state not in ('ready', 'withdrawn')
       and event_id in (select event_id from concerned)
     group by event_id),
locked as (
    select q.event_id
      from request as q
      join audit.current_action as a on a.Oid = q.OrderId and a.ActionTrackerId = q.ActionTrackerId
     group by q.event_id
    having bool_and(a.LockingDate <= $now)),
reported as (
    select c.change_id, c.event, c.event_id,
           coalesce(w.amount, v.amount) as amount,
           w.state as wanted_state, w.approval,
           coalesce(w.items, i.items, []) as items,
           coalesce(w.CustomerStatus, v.CustomerStatus) as CustomerStatus,
           coalesce(t.correction_count, 0) as correction_count,
           coalesce(t.is_modified, false) as is_modified,
           w.event_id is not null and not coalesce(t.is_modified, false) as is_pending,
           v.amount as sent_amount, coalesce(i.items, []) as sent_items, v.CustomerStatus as sent_CustomerStatus
      from concerned as c
      left join conversions.conversion as v using (event_id)
      left join conversions.wanted as w using (event_id)
      left join told as t using (event_id)
      left join (select event_id,
                        list({'ItemSku': ItemSku, 'ItemQuantity': ItemQuantity, 'ItemSubTotal': ItemSubTotal}
                             order by ItemSku) as items
                   from conversions.item
                  where event_id in (select event_id from concerned)
                  group by event_id) as i using (event_id)),
newest as (
    select c.change_id, c.event,
           m.amount, m.CurrencyCode, m.CustomerStatus, m.uses_lines,
           coalesce(i.items, []) as items
      from concerned as c
      join mapped as m on m.change_id = c.carrier_id and m.event = c.event
      left join (select change_id, event,
                        list({'ItemSku': ItemSku, 'ItemQuantity': ItemQuantity, 'ItemSubTotal': ItemSubTotal}
                             order by ItemSku) as items
                   from mapped_item
                  where change_id in (select carrier_id from concerned)
                  group by all) as i on i.change_id = c.carrier_id and i.event = c.event),
weighed as (
    select q.*, c.event_id, c.decision as carrier_decision, c.CurrencyCode as reported_currency,
           p.amount as reported_amount, p.items as reported_items, p.CustomerStatus as reported_CustomerStatus,
           p.sent_CustomerStatus, p.is_modified, p.approval as wanted_approval, p.correction_count,
           -- impact.com takes another status, and neither a first one nor none.
           case when p.CustomerStatus is not null then coalesce(n.CustomerStatus, p.CustomerStatus) end as newest_CustomerStatus,
           n.CustomerStatus is distinct from p.CustomerStatus as touches_CustomerStatus,
           n.change_id is not null as is_mapped,
           case when q.approval is distinct from p.approval then q.approval end as approval_asked,
           q.rule is not null and p.is_pending and n.amount is not distinct from p.sent_amount and n.items = p.sent_items
               and newest_CustomerStatus is not distinct from p.sent_CustomerStatus as is_back,
           n.amount as newest_amount, n.items as newest_items, n.CurrencyCode as newest_currency, n.uses_lines,
           coalesce(t.is_unsent, true) as is_unsent,
           t.event_id is not null as has_request,
           t.state, t.outcome,
           greatest(e.entered_at, case when z.change_id is not null then (z.event_at, z.change_id) end) as last_entered_at,
           -- Entered again after this change, or before it and after it was taken back. Within one second the history of
           -- the record tells the order.
           coalesce(case when q.by_history and q.stood_at = coalesce(last_entered_at[1], c.carrier_at)
                              and q.kind not in ('history', 'deleted', 'requested', 'refund')
                             then coalesce(h.lost_at < coalesce(last_entered_at, (c.carrier_at, c.carrier_id)), true)
                         when q.is_first_sight then q.stood_at < last_entered_at[1]
                         else (q.event_at, q.change_id) < last_entered_at end, false) as is_overtaken,
           -- What was wanted before it was entered anew counts no more.
           case when e.entered_at is null and not c.is_new then p.wanted_state else 'live' end as wanted_state,
           l.event_id is not null as is_locked,
           list_filter(n.items, lambda x: not list_contains(list_transform(p.items, lambda y: y.ItemSku), x.ItemSku)) as added,
           len(list_filter(n.items, lambda x: x.ItemQuantity = '0'
                                              or starts_with(x.ItemQuantity, '-') or starts_with(x.ItemSubTotal, '-'))) = 0
               as is_sound,
           -- One that went before stays gone: whether impact.com was told of it is not known here.
           list_filter(p.items, lambda y: not list_contains(list_transform(n.items, lambda x: x.ItemSku), y.ItemSku)) as gone
      from asking as q
      join concerned as c using (change_id, event)
      left join reported as p using (change_id, event)
      left join newest as n using (change_id, event)
      left join request as t on t.event_id = c.event_id
      left join locked as l on l.event_id = c.event_id
      left join entered as e on e.event_id = c.event_id
      left join entered_before as z on z.event_key = c.event_key
      left join lost as h on h.Id = q.Id and h.event = q.event),
-- One step a time: DuckDB computes the expression of an alias anew wherever the same list names it.
compared as (
    select *,
           coalesce(newest_amount is not distinct from reported_amount
                    and list_filter(reported_items, lambda y: y.ItemQuantity <> '0') = newest_items
                    and newest_CustomerStatus is not distinct from reported_CustomerStatus, false) as is_equal
      from weighed),
answered as (
    select w.*,
           case
               -- Without proof nothing follows, and it ends by itself: with proof, or when the record is there again.
               when w.was_missing then case when w.is_missing then 'hold gone_unproven' else 'skip nothing_to_correct' end
               when w.is_overtaken and w.kind <> 'requested' and (w.kind = 'deleted' or w.rule.do = 'reverse') then
                   case when not w.is_unsent then 'skip nothing_to_correct' end
               when w.kind = 'deleted' and (w.is_unsent or w.carrier_decision = 'hold') then 'correct record_deleted'
               when w.is_unsent and w.rule.do = 'reverse' and w.kind <> 'requested' then
                   case when w.wanted_state is distinct from 'reversed' then 'correct condition_lost' end
               when w.is_unsent then
                   case when w.approval_asked is not null and w.rule.do is distinct from 'reverse' then 'correct approved' end
               when w.rule is null and w.approval_asked is null
                    and not (w.touches_mapping and w.skip_reason = 'not_watched') then null
               when w.rule is null and w.approval_asked is null
                    and not (w.is_mapped and w.newest_currency is distinct from w.reported_currency) then
                   case when newest_CustomerStatus <> reported_CustomerStatus then 'skip no_rule'
                        else 'skip not_correctable' end
               when w.outcome in ('not_credited', 'rejected', 'no_trace') or w.state = 'refused' then 'skip nothing_to_correct'
               when w.wanted_state = 'reversed' then 'skip nothing_to_correct'
               -- Back at what was reported, nothing is left that would have been too late.
               when w.is_locked and (w.rule.do = 'reverse' or w.approval_asked is not null or not w.is_equal)
                    then 'skip action_locked'
               when w.rule.do = 'reverse' then
                   case w.kind when 'deleted' then 'correct record_deleted'
                               when 'requested' then 'correct requested'
                               else 'correct condition_lost' end
               when w.newest_currency is distinct from w.reported_currency then 'hold correction_impossible'
               when w.rule is null
                    or is_back
                    or w.is_equal then
                   case when w.approval_asked is not null then 'correct approved'
                        when is_back or not touches_CustomerStatus then 'skip nothing_to_correct'
                        else 'skip not_correctable' end
               when w.kind = 'refund' and w.newest_amount = 0 then 'correct refunded'
               when len(w.added) > 0 then 'hold correction_impossible'
               when coalesce(w.newest_amount, 0) <= 0 and w.newest_amount is distinct from w.reported_amount
                    then 'hold amount_not_positive'
               when not w.is_sound then 'hold correction_impossible'
               when w.reported_currency is not null and w.reported_currency <> $account_currency
                    then 'hold correction_currency'
               when w.kind = 'refund' then 'correct refunded'
               when w.newest_amount is not distinct from w.reported_amount and w.newest_items = w.reported_items
                    then 'correct status_changed'
               when w.uses_lines then 'correct items_changed'
               else 'correct amount_changed'
           end as answer
      from compared as w),
limited as (
    select *,
           case when starts_with(answer, 'correct ') and correction_count >= $corrections_maximum then 'hold flapping'
                else answer end as weight
      from answered),
meant as (
    select *,
           case when weight = 'correct refunded' and newest_amount = 0
                     or weight in ('correct record_deleted', 'correct condition_lost', 'correct requested') then 'reversed'
                else 'live' end as state_wanted,
           case when weight in ('correct amount_changed', 'correct items_changed', 'correct status_changed', 'correct refunded')
                then newest_amount end as told_amount
      from limited),
cleared as (
    select *,
           coalesce(word = 'release'
                    or word = 'accept'
                       and subject = md5(concat_ws('|', '', coalesce(told_amount::varchar, ''), '')),
                    false) as is_cleared
      from meant),
judged as (
    select *,
           case when word = 'dismiss' and (is_guarded or kind = 'requested' or starts_with(weight, 'hold ')) then 'skip dismissed'
                when is_guarded and not is_cleared and starts_with(weight, 'correct ') then 'hold mass_change'
                else weight end as verdict
      from cleared),
said as (
    select *,
           verdict in ('skip dismissed', 'correct requested')
               or is_cleared and starts_with(verdict, 'correct ') as is_said
      from judged)
select change_id, event, event_id,
       split_part(verdict, ' ', 1) as decision,
       split_part(verdict, ' ', 2) as reason,
       case when is_said then why when verdict = 'hold mass_change' then guard end as detail,
       case when is_said then said_by end as decided_by,
       state_wanted as state,
       case when verdict = 'correct refunded' and state_wanted = 'reversed' then 'ITEM_RETURNED' else rule.code end as code,
       has_request,
       coalesce(is_back and verdict = 'skip nothing_to_correct' and wanted_state = 'live', false) as is_back,
       approval_asked as approval,
       is_restoring,
       told_amount,
       -- An approval alone leaves the amounts as they are reported, or will be, and so does a reversal, which tells none.
       case when is_unsent then null
            when rule is null or state_wanted = 'reversed' then reported_amount
            else newest_amount end as amount,
       case when is_unsent then null
            when rule is null or state_wanted = 'reversed' then reported_items
            else list_concat(newest_items, list_transform(gone, lambda y:
                     {'ItemSku': y.ItemSku, 'ItemQuantity': '0', 'ItemSubTotal': '0.00'})) end as items,
       case when not is_unsent and (newest_CustomerStatus is distinct from sent_CustomerStatus or is_modified)
            then case when rule is null then reported_CustomerStatus else newest_CustomerStatus end end as CustomerStatus
  from said
 where verdict is not null
   and not (is_restoring and verdict in ('skip nothing_to_correct', 'skip not_correctable', 'skip no_rule'))
