-- What     the rows as reconciliation.conversion_status keeps them
-- Reads    classified, standing
-- Writes   status (temporary)
-- Grain    one row per key
create or replace temp table status as
select c.key, c.CampaignId, c.ActionTrackerId, c.OrderId, c.EventTypeCode, c.event_id, c.object,
       case when c.is_erased then null else c.Id end as Id,
       c.event, c.class, c.why, c.is_open, c.bucket, c.is_expected, c.decision, c.decision_reason,
       c.request_id, c.state, c.outcome,
       date_trunc('month', c.happened_at at time zone c.time_zone)::date as month,
       c.CurrencyCode, c.expected_amount, c.sent_amount, c.wanted_amount,
       case when c.live_count > 0 then c.impact_amount when c.reversed_count > 0 then 0 end::decimal(18, 2)
           as impact_amount,
       case when c.live_count > 0 then c.impact_payout when c.reversed_count > 0 then 0 end::decimal(18, 2)
           as impact_payout,
       c.impact_currency,
       case when c.CurrencyCode <> c.impact_currency then c.implied_rate end as implied_rate,
       case when c.live_count > 0 then 'live' when c.reversed_count > 0 then 'reversed' end as impact_state,
       c.action_ids, c.live_count, c.reversed_count, c.MediaPartnerId,
       (c.LockingDate at time zone c.time_zone)::date as locking_date,
       c.is_locked, c.correction_count,
       coalesce(c.is_requested and c.impact_event_date <> date_trunc('second', c.happened_at), false) as is_redated,
       c.next_look_at,
       case when o.class = c.class then o.since else c.now end as since
  from classified as c
  left join standing as o using (key)
