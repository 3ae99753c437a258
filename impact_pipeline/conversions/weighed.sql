-- What     adds to the pairs that something may follow from those of records whose event is entered only now: a deal may
--          have been won and lost between two captures
-- Writes   triggered
-- Grain    one row per pair of such a record
-- Binds    $reversible varchar[]: events that a rule may reverse
update triggered as t
   set is_weighed = true
  from (select distinct Id, event
          from triggered
         where trigger_answer <> 'skip'
           and list_contains($reversible, event)) as f
 where t.Id = f.Id
   and t.event = f.event
   and not t.is_weighed
