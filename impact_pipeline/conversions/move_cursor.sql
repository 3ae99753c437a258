-- What     remembers how far the changes of the objects have been answered: through the newest change of any object, so
--          that what all objects have behind them need not be read again
-- Reads    changes.change
-- Writes   conversions.cursor
-- Grain    one row per object
-- Binds    $object varchar
merge into conversions.cursor as c
using (select $object as object, max(change_id) as change_id from changes.change having count(*) > 0) as n
   on c.object = n.object
 when matched and n.change_id > c.change_id then update set change_id = n.change_id
 when not matched then insert (object, change_id) values (n.object, n.change_id)
