-- What     the actions that impact.com shows for what it credited, seen twice each
-- Reads    outbox.request
-- Writes   audit.action
-- Grain    one row per observation of an action not seen before
-- Binds    $at timestamptz
insert into audit.action
       (action_id, CampaignId, ActionTrackerId, Oid, State, Amount, Payout, Currency, CustomerId, EventDate,
        CreationDate, LockingDate, observed_at, run_id)
select request_id || '.4711', CampaignId, ActionTrackerId, OrderId, seen, amount, amount / 10, 'USD', CustomerId,
       event_at, $at, $at + interval 60 day, $at + to_seconds(place), 'run'
  from outbox.request, (values (0, 'PENDING'), (1, 'APPROVED')) as t(place, seen)
 where Type = 'Conversion'
   and outcome = 'credited'
   and settled_at = $at
