-- What     the reported events that a person asked to reverse: what a person asked for, an edit of the record does not take
--          back
-- Reads    conversions.word, current_word
-- Writes   kept_reversal (temporary)
-- Grain    one row per event
create or replace temp table kept_reversal as
select distinct r.event_id
  from conversions.word as r
 where r.word = 'reverse'
   and not exists (
           select 1
             from conversions.current_word as w
            where w.change_id = r.change_id
              and w.event = r.event
              and w.word = 'dismiss')
