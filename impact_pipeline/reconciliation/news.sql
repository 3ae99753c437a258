-- What     how far everything has been looked at, once this comparison is written
-- Reads    setting, conversions.decision, conversions.wanted, audit.transition, audit.action, reconciliation.erased_key
-- Writes   news (temporary)
-- Grain    one row
create or replace temp table news as
select least((select coalesce(max(decision_id), -1) from conversions.decision), queued_until) as decision_id,
       (select coalesce(max(transition_id), -1) from audit.transition) as transition_id,
       (select count(*) from audit.action) as action_count,
       (select max(observed_at) from audit.action) as observed_at,
       (select max(wanted_at) from conversions.wanted) as wanted_at,
       (select count(*) from reconciliation.erased_key) as erased_count,
       settings_sha256
  from setting
