-- What     what the last passes covered and what reading has cost
-- Reads    audit.listing, attempt, action
-- Grain    one row: end of the last complete listing of actions; from which locking date on pending actions may have been
--          approved unseen (null: none); pages of the last complete list of queue records; how many of them there must be;
--          requests made in the last hour within the shared budget
-- Binds    $now timestamptz, $hour_ago timestamptz
with
listed as (
    select max(window_until) filter (where what = 'Actions' and is_complete) as actions_until,
           max(window_until) filter (where what = 'Actions by LockingDate' and is_complete) as locking_until,
           arg_max(pages, listing_id) filter (where what = 'APISubmissions' and is_complete) as pages,
           coalesce(sum(api_calls) filter (where started_at > $hour_ago), 0) as calls
      from audit.listing),
pending as (
    select rowid as place, action_id
      from audit.action
     where State = 'PENDING'
       and LockingDate <= $now
       and LockingDate > (select coalesce(locking_until - interval 1 hour, '-infinity') from listed)),
locked as (
    select min(LockingDate) as locking_date
      from (-- As audit.current_action, which can not be asked for some actions only without all others.
            select rowid as place, LockingDate
              from audit.action
             where action_id in (select action_id from pending)
           qualify row_number() over (partition by action_id order by observed_at desc) = 1)
     where place in (select place from pending)),
written as (
    select count(*) filter (where submission_id is not null and started_at > $now - interval 90 days) as records,
           count(*) filter (where endpoint <> 'Conversions' and started_at > $hour_ago) as calls
      from audit.attempt)
select l.actions_until, k.locking_date, l.pages, w.records, l.calls + w.calls
  from listed as l, locked as k, written as w
