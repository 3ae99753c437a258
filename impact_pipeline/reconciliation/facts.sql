-- What     the full outer join: what is expected, what was requested, what impact.com shows; and the questions about it
-- Reads    setting, scope, event_type, expected, conversion_request, corrected, acted, rate, own_decision,
--          reconciliation.erased_key
-- Writes   fact (temporary)
-- Grain    one row per key
create or replace temp table fact as
with
catalogue as (
    select ActionTrackerId, min(EventTypeCode) as EventTypeCode, min(owner) as owner
      from event_type
     group by ActionTrackerId),
registered as (
    select s.campaign_id || '/' || t.ActionTrackerId || '/' || d.OrderId as key
      from own_decision as d
      join event_type as t using (EventTypeCode), setting as s
     where d.carries
       and d.decision = 'skip'
       and key in (select key from acted)
     group by all),
erased as (
    select key, min(OrderId_sha256) as OrderId_sha256
      from (select key, CampaignId, ActionTrackerId, OrderId from conversion_request
             union all
            select key, CampaignId, ActionTrackerId, OrderId from acted) as k
      join reconciliation.erased_key as e using (CampaignId, ActionTrackerId)
     where e.OrderId_sha256 in (k.OrderId, sha256(e.salt || k.OrderId))
     group by key),
reference as (
    -- One wrong amount moves a day's median, not the median of a week's medians.
    select d.CurrencyCode, d.Currency, d.day, median(n.rate) as rate
      from rate as d
      join rate as n
        on n.CurrencyCode = d.CurrencyCode and n.Currency = d.Currency and n.day between d.day - 3 and d.day + 3
     group by all),
standing as (
    select * from conversion_request where stands_for_key and key in (select key from scope)),
request as (
    -- An expected event brings its own request; a key that nothing expects, the one that stands.
    select e.key as row_key, r.*
      from expected as e
      join conversion_request as r using (request_id)
     union all
    select s.key, s.*
      from standing as s
     where s.key not in (select key from expected)),
joined as (
    select coalesce(e.key, r.row_key, a.key) as key,
           e.key is not null as is_expected,
           r.request_id is not null as is_requested,
           coalesce(a.live_count, 0) as live_count,
           coalesce(a.reversed_count, 0) as reversed_count,
           coalesce(r.CampaignId, a.CampaignId, s.campaign_id) as CampaignId,
           coalesce(r.ActionTrackerId, a.ActionTrackerId, e.ActionTrackerId) as ActionTrackerId,
           coalesce(x.OrderId_sha256, r.OrderId, a.OrderId, e.OrderId) as OrderId,
           coalesce(r.EventTypeCode, e.EventTypeCode, t.EventTypeCode) as EventTypeCode,
           coalesce(e.event_id, r.event_id) as event_id,
           coalesce(e.object, r.object) as object,
           coalesce(e.Id, r.Id) as Id,
           coalesce(e.event, r.event) as event,
           e.decision, e.reason as decision_reason,
           coalesce(e.is_queued_next, false) as is_queued_next,
           r.request_id, r.state, r.outcome, r.reason as request_reason, r.wait, r.needs_person, r.due_at,
           r.accepted_at, r.settled_at, r.was_sent_before,
           coalesce(r.is_processed, false) as is_processed,
           r.processed_at,
           coalesce(r.EventDate::timestamptz, r.event_at, e.event_at, a.EventDate, a.CreationDate, s.now) as happened_at,
           coalesce(case when r.request_id is not null then r.CurrencyCode
                         when e.key is not null then e.CurrencyCode
                         else a.Currency end, s.currency) as CurrencyCode,
           coalesce(a.Currency, s.currency) as account_currency,
           case when e.key is null then null when r.request_id is not null then r.amount else e.amount end as expected_amount,
           r.amount as sent_amount,
           a.amount as impact_amount, a.payout as impact_payout, a.Currency as impact_currency, a.action_ids,
           a.MediaPartnerId, a.LockingDate, a.next_locking_at, a.CreationDate,
           coalesce(a.is_locked, false) as is_locked,
           a.EventDate as impact_event_date,
           a.origin,
           t.owner as type_owner,
           t.EventTypeCode is not null as type_is_ours,
           g.key is not null as is_registered,
           x.key is not null as is_erased,
           s.go_live_at
      from expected as e
      full join request as r on r.row_key = e.key
      full join acted as a on a.key = coalesce(e.key, r.row_key)
     cross join setting as s
      left join catalogue as t on t.ActionTrackerId = coalesce(r.ActionTrackerId, a.ActionTrackerId, e.ActionTrackerId)
      left join registered as g on g.key = a.key
      left join erased as x on x.key = coalesce(e.key, r.row_key, a.key)),
asked as (
    select j.*,
           coalesce(c.correction_count, 0) as correction_count,
           coalesce(c.is_under_way, false) as is_under_way,
           coalesce(c.needs_person, false) as correction_needs_person,
           -- What is not asked within the wait is left out for good: as it was refused before, or at the limit.
           coalesce(c.is_not_asked_yet and s.now - c.wanted_at <= s.ready_wait, false) as is_asked_next,
           c.why as correction_why,
           c.wanted_state,
           coalesce(c.is_reversed or c.wanted_state = 'reversed', false) as is_reversed_here,
           c.decision = 'hold' as correction_is_held,
           c.reason as correction_reason,
           case
               when coalesce(c.is_reversed or c.wanted_state = 'reversed', false) then 0
               when j.is_requested then coalesce(c.wanted_amount, j.sent_amount)
           end::decimal(18, 2) as wanted_amount,
           -- Cancels what has not left; the decision that carries the event stays as it was.
           coalesce(c.wanted_state = 'reversed' or c.decision = 'correct' and c.reason = 'record_deleted', false)
               as is_cancelled,
           f.rate as implied_rate
      from joined as j
      left join corrected as c using (event_id)
     cross join setting as s
      left join reference as f
        on f.CurrencyCode = j.CurrencyCode and f.Currency = j.impact_currency and f.day = j.CreationDate::date)
select a.*,
       case
           when live_count = 0 then false
           when a.CurrencyCode = account_currency then coalesce(wanted_amount, 0) <> impact_amount
           when implied_rate is null then coalesce(wanted_amount, 0) = 0 and impact_amount <> 0
           else abs(impact_amount - wanted_amount * implied_rate)
                > greatest(wanted_amount * implied_rate * s.rate_tolerance, 0.01)
       end as differs,
       case
           when state in ('in_doubt') then 'open'
           when state = 'refused' or state = 'settled' and outcome = 'rejected' then 'refused'
           when state in ('accepted', 'settled') then
               case when live_count > 0 then 'credited'
                    when reversed_count > 0 then 'reversed'
                    when outcome = 'not_credited' and request_reason is distinct from 'no_action' then 'not_credited'
                    else 'open' end
           when state in ('ready', 'intended') then 'waiting'
           when is_expected and decision = 'hold' and not is_cancelled then 'held'
           when is_requested or is_expected and is_cancelled then 'withdrawn'
           -- The cycle that decided it has not come to the outbox yet.
           when is_expected and is_queued_next then 'waiting'
           when is_expected then 'missing'
           else 'unexpected'
       end as bucket
  from asked as a
 cross join setting as s
