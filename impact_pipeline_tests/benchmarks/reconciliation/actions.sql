-- What     the actions of what was credited, seen twice each; one of a hundred with another amount
-- Reads    outbox.request
-- Writes   audit.action
-- Grain    one row per observation
-- Binds    $after bigint: the newest request before them; $now timestamptz
insert into audit.action
       (action_id, CampaignId, ActionTrackerId, Oid, State, Amount, Payout, Currency, MediaPartnerId, EventDate,
        CreationDate, LockingDate, ReferringType, observed_at, run_id)
select '4711.' || request_id, CampaignId, ActionTrackerId, OrderId, seen, amount - if(request_id % 100 = 3, 1, 0),
       amount / 10, 'USD', '20000', event_at, event_at, event_at + interval 60 day, 'CLICK_COOKIE',
       $now + to_seconds(place), 'run'
  from (select * from outbox.request where request_id > $after and outcome = 'credited'),
       (values (0, 'PENDING'), (1, 'APPROVED')) as t(place, seen)
 order by place
