-- What     how many conversions impact.com was told since, for which the file has no request: they are decided anew, and
--          then found there
-- Reads    audit.submission, outbox.request
-- Grain    one row
-- Binds    $lost_since timestamptz
select count(distinct (s.ActionTrackerId, s.EventCode, s.OrderId))
  from audit.submission as s
  anti join outbox.request as r
    on r.Type = 'Conversion' and r.OrderId = s.OrderId
   and (r.ActionTrackerId = s.ActionTrackerId or r.EventTypeCode = s.EventCode)
 where s.Type = 'Conversion'
   and s.SubmissionDate >= $lost_since
