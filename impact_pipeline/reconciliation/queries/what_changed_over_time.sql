-- What impact.com changed of its actions, day by day: amounts and payouts that came, went or were corrected.
with seen as (
    select action_id, ActionTrackerId, observed_at, Currency, State,
           if(State = 'REVERSED', 0, Amount) as amount,
           if(State = 'REVERSED', 0, Payout) as payout
      from audit.action),
compared as (
    select seen.*,
           lag(State) over previous as old_state,
           coalesce(lag(amount) over previous, 0) as old_amount,
           coalesce(lag(payout) over previous, 0) as old_payout
      from seen
    window previous as (partition by action_id order by observed_at)),
code as (
    select distinct ActionTrackerId, EventTypeCode
      from reconciliation.totals
     where EventTypeCode is not null)
select observed_at::date as day, coalesce(EventTypeCode, ActionTrackerId) as EventTypeCode, Currency as impact_currency,
       case when old_state is null then 'new'
            when State = 'REVERSED' and old_state <> 'REVERSED' then 'reversed'
            when State <> 'REVERSED' and old_state = 'REVERSED' then 'restored'
            else 'changed' end as what,
       count(*) as actions,
       sum(amount - old_amount) as amount_delta, sum(payout - old_payout) as payout_delta
  from compared
  left join code using (ActionTrackerId)
 where old_state is null
    or amount is distinct from old_amount
    or payout is distinct from old_payout
 group by all
 order by day, EventTypeCode, impact_currency, what;
