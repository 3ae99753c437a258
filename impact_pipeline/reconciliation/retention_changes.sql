-- What     empties the values of changes that are older than they may be and that nothing waits for
-- Reads    conversions.decision, open_decision
-- Writes   changes.change
-- Grain    one row per change
-- Binds    $before timestamptz
update changes.change
   set before = null, after = null
 where detected_at < $before
   and coalesce(before, after) is not null
   and change_id <= (select coalesce(min(change_id), 0) from conversions.cursor)
   and change_id not in (select change_id
                           from conversions.decision
                          where carries
                            and decision in ('send', 'hold')
                          union
                         select change_id from conversions.open_decision)
