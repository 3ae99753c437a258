-- What     the requests that have no final end yet
-- Reads    outbox.request, file
-- Writes   open_request (temporary)
-- Grain    one row per request that is accepted, in doubt, refused or settled without credit; of corrections that are
--          settled only reversals whose end was not found out: the action may show it late, and what is won again depends on it
create or replace temp table open_request as
select request_id, Type, state, outcome, event_id, CampaignId, ActionTrackerId, EventTypeCode, OrderId, amount,
       submission_id, action_id, needs_person, attempt_count, intended_at, accepted_at,
       coalesce(group_id, '') in (select name from outbox.file where state <> 'absent') as is_in_file
  from outbox.request
 where state in ('accepted', 'in_doubt')
    or (Type = 'Conversion'
        and (state = 'refused' or (state = 'settled' and outcome <> 'credited')))
    or (Type = 'Reversal' and state = 'settled' and outcome = 'end_unknown')
