-- What     what a report stands on: the pinned pair, and how far each side was read
-- Reads    warehouse.binding, audit.extraction, audit.listing
-- Grain    one row
select b.organization_id, b.is_sandbox, b.CampaignId,
       (select max(window_until) from audit.extraction where purpose = 'window') as salesforce_until,
       (select max(started_at) from audit.listing where what = 'Actions' and is_complete) as impact_until
  from (select 1)
  left join warehouse.binding as b on true
