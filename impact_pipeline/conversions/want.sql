-- What     keeps what impact.com should show for a reported event: absolute values, the newest change wins
-- Reads    correction
-- Writes   conversions.wanted
-- Grain    one row per event; also for a request that is withdrawn, in case it was claimed meanwhile
-- Binds    $now timestamptz
merge into conversions.wanted as w
using (select event_id, state, code, amount, items, null::varchar as CustomerStatus, change_id
         from correction
        where (decision = 'correct' or is_back)
          and has_request
      qualify row_number() over (partition by event_id order by change_id desc) = 1) as c
   on w.event_id = c.event_id
 when matched then update
      set state = c.state, code = c.code, amount = c.amount, items = c.items, change_id = c.change_id, wanted_at = $now
 when not matched then insert (event_id, state, code, amount, items, CustomerStatus, change_id, wanted_at)
      values (c.event_id, c.state, c.code, c.amount, c.items, c.CustomerStatus, c.change_id, $now)
