-- What     the conversions to be sent whose content is new or has changed since they were mapped last
-- Reads    answer, mapped, mapped_item, conversions.conversion
-- Writes   to_send (temporary)
-- Grain    one row per event
create or replace temp table to_send as
with
item as (
    select l.change_id, l.event, count(*) as item_count, to_json({items})::varchar as content
      from mapped_item as l
     group by all),
found as (
    select a.event_id, a.change_id, a.object, a.Id, a.event, m.type_kind, a.event_at, m.amount,
           coalesce(i.item_count, 0)::integer as item_count,
           a.OrderId as "OrderId",
           {parameters},
           i.content as item_content
      from answer as a
      join mapped as m using (change_id, event)
      left join item as i using (change_id, event)
     where a.decision = 'send'
       and a.carries),
digested as (
    select f.* exclude (item_content),
           md5(to_json(f)::varchar) as content_md5
      from found as f)
select d.*
  from digested as d
  anti join conversions.conversion as c on c.event_id = d.event_id and c.content_md5 = d.content_md5
