-- What     decides each pair of change and event: send, hold or skip (corrections come after it)
-- Reads    fact, standing, mapped, open_pair, carried, changed_identity, conversions.current_decision,
--          current_word
-- Writes   answer (temporary)
-- Grain    one row per pair that is new or open; the first line that fits decides
-- Binds    $now timestamptz, $overruled varchar[]: holds that a person may overrule
-- Rules    cases A to H of the conformance suite
create or replace temp table answer as
with
contender as (
    select f.change_id, f.event,
           row_number() over (
               partition by f.event_key
               -- One that carries it keeps it, though what its history is awaited for may be older.
               order by d.event_id is not null desc, f.trigger_answer = 'fire' desc, f.event_at, f.change_id) as place
      from fact as f
      left join carried as d on d.event_key = f.event_key and d.change_id = f.change_id and d.event = f.event
     where f.role <> 'carrier'
       and (f.trigger_answer = 'fire'
            or f.trigger_reason in ('first_load', 'appeared') and f.has_when and f.condition_holds and f.in_scope)),
alias as (
    -- What the loser of a merge reports counts for the survivor, but for what holds it back.
    select f.change_id, f.event
      from (select change_id, event, unnest(alias_keys) as event_key from fact) as f
      join carried as d on d.event_key = f.event_key
     where d.decision <> 'hold'
    union
    -- What the survivor has reported counts for what the loser has not; of two that wait, the loser's goes.
    select f.change_id, f.event
      from fact as f
      join carried as d on d.event_key = f.survivor_key
      left join open_pair as o on o.change_id = f.change_id and o.event = f.event
     where o.decision = 'hold'
        or (d.change_id, d.event) not in (select change_id, event from open_pair)),
both_reported as (
    select distinct f.change_id, f.event
      from fact as f
      join carried as l on l.Id = f.Id and l.event = f.event and l.decision = 'send'
      join carried as s on s.Id = f.merged_into and s.event = f.event and s.decision = 'send'
     where f.kind = 'merged'
       and l.EventTypeCode = s.EventTypeCode),
refunded as (
    select f.change_id, f.event
      from fact as f
      join conversions.current_decision as d on d.object = f.object and d.Id = f.refund_of and d.event = f.event
     where f.refund_of <> f.Id
       and d.carries
       and d.decision in ('send', 'hold')),
-- What may take back what its history is still to tell is not answered before that is told.
early as (
    select distinct f.change_id, f.event
      from fact as f
      join fact as e on e.Id = f.Id and e.event = f.event and e.event_at <= f.event_at
     where f.trigger_answer = 'skip'
       and f.rule.do = 'reverse'
       and f.kind in ('updated', 'history', 'undeleted')
       and e.trigger_reason = 'awaiting_history'
       and (f.Id, f.event) not in (select Id, event from carried)),
considered as (
    select f.*, m.* exclude (change_id, event),
           w.word, w.said_by, w.said_at, w.reason as why,
           coalesce(w.word = 'release', false) as is_released,
           coalesce(f.role = 'open' and $now - greatest(f.detected_at, w.said_at) > f.hold_expires, false) as is_expired,
           g.change_id is not null as is_guarded, g.detail as guard,
           i.detail as identity,
           list_filter(m.issues, lambda x: not (is_released and list_contains($overruled, x.code)))[1] as issue,
           c.place,
           s.stands,
           coalesce(s.entry, 0) + 1 as entry_number,
           md5(f.event_key || '/' || entry_number) as event_id,
           a.change_id is not null as alias_is_reported,
           b.change_id is not null as both_are_reported,
           e.change_id is not null as is_early,
           m.amount < 0 and (f.change_id, f.event) in (from refunded) as is_refund,
           case when entry_number > 1 then m.OrderId || '_' || entry_number else m.OrderId end as entry_order_id,
           -- What was accepted holds as long as nothing of it has changed.
           coalesce(w.word = 'accept' and w.subject = md5(concat_ws('|', coalesce(entry_order_id, ''),
               coalesce(m.amount::varchar, ''), coalesce(m.CurrencyCode, ''))), false) as is_accepted
      from fact as f
      left join mapped as m using (change_id, event)
      left join contender as c using (change_id, event)
      left join standing as s using (change_id, event)
      left join alias as a using (change_id, event)
      left join both_reported as b using (change_id, event)
      left join early as e using (change_id, event)
      left join conversions.current_word as w using (change_id, event)
      left join open_pair as g
        on g.change_id = f.change_id and g.event = f.event and g.reason = 'mass_change'
      left join changed_identity as i on i.object = f.object and i.event = f.event
     where f.role <> 'carrier'),
taken as (
    select distinct c.change_id, c.event
      from considered as c
      join conversions.current_decision as d
        on d.OrderId = c.entry_order_id and d.EventTypeCode = c.EventTypeCode
     where d.carries
       and d.event_id <> c.event_id
       and not (d.change_id = c.change_id and d.event = c.event)
    union
    select change_id, event
      from considered
     where entry_order_id is not null
   qualify row_number() over (partition by EventTypeCode, entry_order_id order by event_at, change_id) > 1
       and event_id <> first(event_id) over (partition by EventTypeCode, entry_order_id order by event_at, change_id)),
judged as (
    select c.*,
           case
               when c.trigger_answer = 'hold' and c.word = 'dismiss' then 'skip dismissed'
               when c.trigger_answer = 'hold' and c.is_expired then 'skip hold_expired'
               when c.is_early then 'hold awaiting_history'
               when c.trigger_answer <> 'fire' then c.trigger_answer || ' ' || c.trigger_reason
               when c.owner = 'tag' then 'skip owned_by_tag'
               when c.place > 1 then 'skip already_reported'
               when c.stands is not null
                    and not (c.re_entry = 'always'
                             or (c.re_entry = 'after_reversal' and c.stands in ('reversed', 'reversal_open')))
                    then 'skip already_reported'
               when c.stands = 'reversal_open' then 'hold reversal_open'
               when c.alias_is_reported then 'skip already_reported'
               when c.event_at < c.go_live then 'skip before_go_live'
               when c.is_deleted then 'skip deleted_unsent'
               when c.consents is distinct from true then 'skip no_consent'
               when c.word = 'dismiss' then 'skip dismissed'
               when c.is_expired then 'skip hold_expired'
               when c.is_missing then 'hold gone_unproven'
               when c.is_refund then 'skip no_rule'
               when c.issue is not null then 'hold ' || c.issue.code
               when k.change_id is not null then 'hold order_id_collision'
               when not c.type_is_known then 'hold unknown_event_type'
               when greatest(c.event_at, try_cast(c.EventDate as timestamptz)) > $now then 'hold event_in_future'
               when $now - c.event_at > c.max_event_age and not c.is_released then 'hold event_too_old'
               when c.identity is not null and not c.is_released then 'hold identity_changed'
               when c.sending <> 'on' or c.word = 'hold' then 'hold sending_off'
               when c.is_guarded and not c.is_released and not c.is_accepted then 'hold mass_change'
               when c.is_released or c.is_accepted then 'send released'
               when c.stands is not null then 'send entered_again'
               else 'send ' || c.trigger_reason
           end as verdict
      from considered as c
      left join taken as k using (change_id, event)),
-- Of two that are sent by this call for what counts as one, the loser's goes, or the older one of one record.
second as (
    select distinct a.change_id, a.event
      from (select change_id, event, Id, event_at, unnest(alias_keys) as event_key
              from judged
             where starts_with(verdict, 'send ')) as a
      join judged as b on b.event_key = a.event_key
     where starts_with(b.verdict, 'send ')
       and (b.Id <> a.Id or (b.event_at, b.change_id) < (a.event_at, a.change_id))),
said as (
    select * replace (case when s.change_id is null then verdict else 'skip already_reported' end as verdict),
           s.change_id is null and (verdict in ('skip dismissed', 'send released')
                                    or verdict = 'hold sending_off' and word = 'hold') as is_said
      from judged
      left join second as s using (change_id, event))
select s.change_id, s.object, s.Id, s.event, s.role, s.kind,
       split_part(s.verdict, ' ', 1) as decision,
       split_part(s.verdict, ' ', 2) as reason,
       case when s.is_said then s.why
            when s.verdict = 'hold mass_change' then s.guard
            when s.verdict = 'hold identity_changed' then s.identity
            when s.issue.code = split_part(s.verdict, ' ', 2) then s.issue.parameter || ': ' || s.issue.rule
            when s.both_are_reported then 'reported, as was the record that it was merged into'
            when starts_with(s.verdict, 'send ') then s.remark end as detail,
       case when s.is_said then s.said_by end as decided_by,
       s.event_key,
       s.entry_number as entry,
       s.event_id,
       coalesce(s.trigger_answer = 'fire' and split_part(s.verdict, ' ', 1) in ('send', 'hold')
                or s.verdict in ('skip before_go_live', 'skip dismissed')
                or (s.trigger_answer = 'skip' and s.place = 1 and s.stands is null), false) as carries,
       s.event_at,
       s.EventTypeCode,
       case when s.issue.code is distinct from 'personal_data' then s.entry_order_id end as OrderId,
       s.CurrencyCode, s.amount, s.cut
  from said as s
