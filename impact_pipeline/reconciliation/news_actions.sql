-- What     the actions with news since the cursor, each with the key that it has or had
-- Reads    seen, audit.action
-- Writes   news_action (temporary)
-- Grain    one row per action and key
create or replace temp table news_action as
select distinct action_id,
       coalesce(CampaignId || '/' || ActionTrackerId || '/' || nullif(Oid, ''), 'action/' || action_id) as key
  from audit.action
 where rowid in (select rowid from audit.action where observed_at > (select observed_at from seen)
                  union
                 -- Several passes may see actions at one and the same time.
                 select rowid
                   from audit.action
                  where observed_at = (select observed_at
                                         from seen
                                        where action_count <> (select count(*)
                                                                 from audit.action
                                                                where observed_at <= (select observed_at from seen))))
