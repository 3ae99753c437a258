-- What     where the requests stand that a run moved
-- Reads    audit.transition, outbox.request
-- Grain    one row per kind of request, event type, state and outcome
-- Binds    $run_ids varchar[]
select r."Type", r."EventTypeCode", r.state, r.outcome, r.reason,
       count(*) as count,
       sum(r.amount) as amount,
       r."CurrencyCode"
  from outbox.request as r
 where r.request_id in (
           select request_id
             from audit.transition
            where list_contains($run_ids, run_id))
 group by all
 order by all
