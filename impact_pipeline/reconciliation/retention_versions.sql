-- What     drops superseded versions of an object that are older than they may be and that nothing refers to
-- Reads    {version_table}, changes.change, changes.cursor, conversions.decision, open_decision
-- Writes   {past_table}
-- Grain    one row per version whose successor is that old, too, and was compared
-- Binds    $object varchar, $before timestamptz
delete from {past_table}
 where "_version_id" in (select n."_previous_version_id"
                           from {version_table} as n
                          where n."_captured_at" < $before
                            and n."_version_id" <= (select coalesce(max(version_id), 0)
                                                      from changes.cursor
                                                     where object = $object))
   -- What carries an event, or waits, is weighed against later changes by the versions that it came from.
   and "_version_id" not in (select unnest(list_filter([version_id, previous_version_id], lambda v: v is not null))
                               from changes.change
                              where object = $object
                                and change_id in (select change_id
                                                    from conversions.decision
                                                   where carries
                                                     and decision in ('send', 'hold')
                                                   union
                                                  select change_id from conversions.open_decision))
