-- What     the identity that a person accepted last, of each event where one did
-- Reads    conversions.word
-- Grain    one row per object and event
select object, event, arg_max(subject, word_id) as subject
  from conversions.word
 where word = 'accept'
   and change_id is null
   and event is not null
 group by object, event
