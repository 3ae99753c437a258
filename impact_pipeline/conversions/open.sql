-- What     the pairs of one object that are answered anew, as they stand: held, or to be sent and nothing has left (their
--          values follow the record), or dismissed, and the person thinks better of it
-- Reads    conversions.open_decision, decision, word, current_word; outbox.request
-- Writes   waiting_pair (temporary)
-- Grain    one row per pair
-- Binds    $object varchar, $events varchar[]
create or replace temp table waiting_pair as
select d.*
  from conversions.open_decision as o
  join conversions.decision as d using (decision_id)
  left join outbox.request as r on r.event_id = o.event_id and r.Type = 'Conversion'
 where o.object = $object
   and list_contains($events, o.event)
   and (o.decision = 'hold' or r.request_id is null
        or r.intended_at is null and (r.state in ('ready', 'withdrawn') or r.outcome = 'no_trace'))
union all
select d.*
  from (select *
          from conversions.decision
         -- DuckDB leaves out whole blocks of a table only by bounds. Without words nothing is read.
         where change_id >= (select coalesce(min(change_id), 9223372036854775807) from conversions.word)
           and change_id <= (select coalesce(max(change_id), 0) from conversions.word)) as d
  anti join conversions.decision as n on n.previous_decision_id = d.decision_id
  join conversions.current_word as w using (change_id, event)
 where d.object = $object
   and list_contains($events, d.event)
   and (d.reason = 'dismissed' and w.word = 'release'
        or d.reason = 'requested' and w.word = 'dismiss')
