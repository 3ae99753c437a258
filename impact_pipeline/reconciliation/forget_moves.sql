-- What     lists the end of the record's conversions that are not settled: what waits is withdrawn, what only a person
--          could settle stays unknown. Corrections hold Ids, codes and money only, and go on
-- Reads    outbox.request
-- Writes   move
-- Grain    one row per request
-- Binds    $object, $id varchar
insert into move by name
select request_id,
       state as from_state,
       case state when 'ready' then 'withdrawn' else 'settled' end as to_state,
       case state when 'in_doubt' then 'end_unknown' end as outcome,
       'forgotten' as reason
  from outbox.request
 where object = $object
   and Id = $id
   and Type = 'Conversion'
   and (state = 'ready' or state = 'in_doubt' and needs_person)
