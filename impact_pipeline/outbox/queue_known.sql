-- What     lists the conversions that wait to be sent although impact.com's own records hold their key: sent by a file
--          that an old copy replaced, shown late, or reported by others. Reading says which; none of them is sent before
-- Reads    outbox.request; audit.action, submission
-- Writes   move
-- Grain    one row per request
-- Binds    $now timestamptz; $lost_since timestamptz: what was submitted after it may be another attempt than those we
--          know of; null: we know of all, so a record of a request that was tried before is that attempt's
insert into move by name
with
waiting as (
    select *
      from outbox.request
     where Type = 'Conversion'
       and state = 'ready'),
shown as (
    select distinct w.request_id
      from waiting as w
      join audit.action as a
        on a.CampaignId = w.CampaignId and a.ActionTrackerId = w.ActionTrackerId and a.Oid = w.OrderId),
submitted as (
    select w.request_id, min(s.SubmissionDate) as submitted_at
      from waiting as w
      join audit.submission as s
        on s.Type = 'Conversion' and s.OrderId = w.OrderId
       and (s.ActionTrackerId = w.ActionTrackerId or s.EventCode = w.EventTypeCode)
     where w.attempt_count = 0
        or s.SubmissionDate >= $lost_since::timestamptz
     group by w.request_id)
select w.request_id,
       'ready' as from_state,
       'in_doubt' as to_state,
       'found_there' as reason,
       $now as next_look_at,
       coalesce(w.intended_at, s.submitted_at, $now) as intended_at
  from waiting as w
  left join shown as a using (request_id)
  left join submitted as s using (request_id)
 where a.request_id is not null
    or s.request_id is not null
