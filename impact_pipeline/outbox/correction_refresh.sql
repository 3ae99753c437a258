-- What     gives corrections that wait to be sent the body that is wanted by now: changes of one conversion are gathered
-- Reads    correction
-- Writes   outbox.request
-- Grain    one row per request whose body differs
update outbox.request as r
   set payload = c.body,
       payload_sha256 = sha256(c.body),
       amount = case when c.Type = 'Modification' then c.amount end,
       item_count = coalesce(c.item_count, 0),
       action_id = c.action_id
  from correction as c
 where r.request_id = c.open_id
   and r.state = 'ready'
   and not c.open_is_frozen
   and c.Type = c.open_Type
   and r.payload is distinct from c.body
