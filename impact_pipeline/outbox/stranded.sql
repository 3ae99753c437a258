-- What     lists what a run left behind: intended under another lease, hence perhaps sent
-- Reads    outbox.request
-- Writes   move
-- Grain    one row per request
-- Binds    $token bigint, $look_at timestamptz
insert into move by name
select request_id,
       'intended' as from_state,
       'in_doubt' as to_state,
       'run_ended' as reason,
       'run ' || run_id || ' ended or lost its lease before the answer was kept' as detail,
       $look_at as next_look_at
  from outbox.request
 where state = 'intended'
   and lease_token is distinct from $token
