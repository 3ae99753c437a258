-- What     events, each with the answer that carries it; one of fifty is held
-- Writes   conversions.decision
-- Grain    one row per event
-- Binds    $first, $last bigint: their numbers; $now timestamptz; $days integer: they are spread over so many days
insert into conversions.decision
       (change_id, object, Id, event, decision, reason, event_key, event_id, entry, carries, event_at, EventTypeCode,
        OrderId, CurrencyCode, amount, config_hash, cycle_id, run_id, decided_at)
select i, 'Opportunity', format('006am{:010d}AAA', i), 'won',
       if(i % 50 = 7, 'hold', 'send'), if(i % 50 = 7, 'awaiting_items', 'stage_passed'),
       md5('key' || i), md5('event' || i), 1, true,
       $now - to_minutes((hash(i) % (1440 * $days)::ubigint)::bigint), 'Opportunity_Closed Won',
       'Opportunity_Closed Won_' || format('006am{:010d}AAA', i), 'USD', 100 + i % 900,
       'config', 'cycle', 'run', $now
  from range($first, $last + 1) as t(i)
