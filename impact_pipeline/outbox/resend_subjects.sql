-- What     the requests that a key leads to, the newest of each event and kind, with what speaks against sending them again
-- Reads    outbox.request, conversions.current_decision, wanted; audit.current_action
-- Grain    one row per event for its conversion, and one for its newest correction
-- Binds    $key varchar: Id of a record (15 or 18 characters), OrderId or event_id; null: all that impact.com refused or rejected
with
subject as (
    select *
      from outbox.request
     where case when $key::varchar is null
                then Type = 'Conversion' and (state = 'refused' or outcome = 'rejected')
                else Id = $key or length($key) = 15 and left(Id, 15) = $key or OrderId = $key or event_id = $key end
   qualify row_number() over (partition by event_id, Type = 'Conversion' order by request_id desc) = 1),
action as (
    select s.request_id,
           arg_max(a.action_id, (a.State <> 'REVERSED', a.CreationDate, a.action_id)) as action_id
      from subject as s
      join audit.current_action as a
        on a.CampaignId = s.CampaignId and a.ActionTrackerId = s.ActionTrackerId and a.Oid = s.OrderId
     where s.Type = 'Conversion'
     group by all),
decision as (
    select event_id, decision, reason
      from conversions.current_decision
     where carries
       and event_id in (select event_id from subject)
   qualify row_number() over (partition by event_id order by decision_id desc) = 1)
select s.request_id, s.Type, s.event_id, s.object, s.Id, s.event, s.EventTypeCode, s.OrderId, s.amount, s.CurrencyCode,
       s.state, s.outcome, s.reason, s.wait, s.needs_person, s.payload_sha256, a.action_id,
       case when s.Type <> 'Conversion' then null
            when s.payload is null then 'its body was erased, on request or by retention'
            when w.state = 'reversed' then 'correct condition_lost'
            when d.decision is distinct from 'send' then coalesce(d.decision || ' ' || d.reason, 'no decision')
            end as not_wanted
  from subject as s
  left join action as a using (request_id)
  left join decision as d on d.event_id = s.event_id
  left join conversions.wanted as w on w.event_id = s.event_id
 order by s.request_id
