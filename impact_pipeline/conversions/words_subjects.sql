-- What     the decisions that a key leads to and that a person can say something about, with how they stand
-- Reads    conversions.current_decision, word, current_word, wanted; outbox.request; audit.current_action; raw._forgotten
-- Grain    one row per change and event
-- Binds    $key varchar: Id of a record (15 or 18 characters), OrderId or event_id; $now timestamptz
with
subject as (
    select *
      from conversions.current_decision
     where (Id = $key or length($key) = 15 and left(Id, 15) = $key or OrderId = $key or event_id = $key)
       and (carries and decision in ('send', 'hold') or decision = 'hold'
            or reason = 'dismissed' and (object, Id) not in (select (object, Id) from raw._forgotten))),
-- Reversals that a person asked for, decided or not; once dismissed, they stand among the decisions.
asked as (
    select r.change_id, r.event, r.event_id,
           r.event_id in (select event_id from outbox.request
                           where Type = 'Reversal'
                             and (state not in ('ready', 'withdrawn') or intended_at is not null)) as is_intended
      from conversions.word as r
     where word = 'reverse'
       and not exists (select 1 from conversions.current_word as w
                        where w.change_id = r.change_id and w.event = r.event and w.word = 'dismiss')),
request as (
    select event_id, state, outcome, ActionTrackerId, OrderId,
           state not in ('ready', 'withdrawn') or intended_at is not null as is_intended
      from outbox.request
     where Type = 'Conversion'
       and event_id in (select event_id from subject)
   qualify row_number() over (partition by event_id order by request_id desc) = 1),
locked as (
    select r.event_id
      from request as r
      join audit.current_action as a on a.Oid = r.OrderId and a.ActionTrackerId = r.ActionTrackerId
     group by r.event_id
    having bool_and(a.LockingDate <= $now))
select s.change_id, s.event, s.event_id, s.object, s.Id, s.OrderId, s.decision, s.reason, s.amount, s.CurrencyCode,
       s.carries, w.word, r.state, r.outcome,
       coalesce(r.is_intended, false) as is_intended,
       coalesce(v.state = 'reversed', false)
           or s.event_id in (select event_id from asked) as is_reversed,
       l.event_id is not null as is_locked
  from subject as s
  left join conversions.current_word as w on w.change_id = s.change_id and w.event = s.event
  left join request as r on r.event_id = s.event_id
  left join conversions.wanted as v on v.event_id = s.event_id
  left join locked as l on l.event_id = s.event_id
union all
select a.change_id, a.event, a.event_id, s.object, s.Id, s.OrderId, 'correct', 'requested', s.amount, s.CurrencyCode,
       false, null, null, null, a.is_intended, true, false
  from asked as a
  join subject as s on s.event_id = a.event_id and s.carries
 order by change_id, event
