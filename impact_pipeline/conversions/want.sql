-- What     keeps what impact.com should show for a reported event: absolute values, the newest change wins
-- Reads    correction
-- Writes   conversions.wanted
-- Grain    one row per event; also for a request that is withdrawn, in case it was claimed meanwhile
-- Binds    $now timestamptz
merge into conversions.wanted as w
using (select event_id, state, code, amount, items, CustomerStatus, approval, change_id
         from correction
        where (decision = 'correct' or is_back)
          and (has_request or approval is not null or reason = 'condition_lost')
      qualify row_number() over (partition by event_id order by change_id desc) = 1) as c
   on w.event_id = c.event_id
 when matched then update
      set state = c.state, code = coalesce(c.code, w.code), amount = c.amount, items = c.items,
          CustomerStatus = c.CustomerStatus, approval = coalesce(c.approval, w.approval),
          change_id = c.change_id, wanted_at = $now
 when not matched then insert (event_id, state, code, amount, items, CustomerStatus, approval, change_id, wanted_at)
      values (c.event_id, c.state, c.code, c.amount, c.items, c.CustomerStatus, c.approval, c.change_id, $now)
