-- What     the pieces of the conversions that may go now, by column of a file; and those that no file can carry as they are
-- Reads    due, outbox.request
-- Writes   file_piece (temporary)
-- Grain    one row per request and parameter
-- Columns  column, item_number: null for the order's own; is_unfit: an item parameter that files have no column for, a
--          line break, or a beginning that a spreadsheet takes for a formula. Changing it would not be what was decided,
--          so such a conversion goes by request
-- Binds    $max_conversions bigint
create or replace temp table file_piece as
with
candidate as (
    select r.request_id, d.place, r.ActionTrackerId, r.payload
      from due as d
      join outbox.request as r using (request_id)
     where d.wait is null
       and r.Type = 'Conversion'
     order by d.place
     limit $max_conversions),
piece as (
    select request_id, place, ActionTrackerId, unnest(string_split(payload, '&')) as piece
      from candidate),
parameter as (
    select request_id, place, ActionTrackerId,
           split_part(piece, '=', 1) as name,
           url_decode(substr(piece, instr(piece, '=') + 1)) as value,
           regexp_extract(name, '^Item(Sku|Name|Category|Quantity|SubTotal)([1-9][0-9]*)$', ['column', 'number']) as item
      from piece)
select request_id, place,
       case when name = 'EventTypeCode' then 'ActionTrackerId'
            when item.column = 'SubTotal' then 'Amount'
            when item.column <> '' then item.column
            else name end as "column",
       try_cast(item.number as integer) as item_number,
       case when name = 'EventTypeCode' then ActionTrackerId else value end as value,
       (item_number is null and regexp_matches(name, '^Item[A-Z]'))
           or regexp_matches(value, '[\x00-\x1f]') or regexp_matches(value, '^[=+@-]') as is_unfit
  from parameter
