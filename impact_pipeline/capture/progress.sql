-- What     how far each object has been read, and by which window: the first one that came as far
-- Reads    audit.extraction
-- Grain    one row per object that a cycle has ever begun to read
with
so_far as (
    select object,
           max(cursor) as cursor,
           min(window_until) filter (where is_first_load) as first_until,
           max(latest_date_covered) as latest_date_covered,
           list_distinct(flatten(list(fields_added))) as fields_covered
      from audit.extraction
     group by object),
came as (
    select e.object,
           arg_min({'after': window_after, 'until': window_until, 'open_since': open_since}, extraction_id) as by
      from audit.extraction as e
      join so_far as s on s.object = e.object and s.cursor = e.cursor
     where e.purpose = 'window'
     group by e.object)
select s.object, s.cursor, s.first_until, s.latest_date_covered, s.fields_covered,
       c.by.after, c.by.until, c.by.open_since
  from so_far as s
  join came as c on c.object = s.object
