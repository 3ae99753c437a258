-- What     lists where modifications and reversals lead whose end is known, or whose doubt is over
-- Reads    sighting
-- Writes   move
-- Grain    one row per request that moves; the first line that fits decides
-- Binds    $now, $actions_at, $submissions_at timestamptz: when complete passes over the lists began, null: none did
--          $settle_after, $give_up_after interval
insert into move by name
with
said as (
    select *,
           case
               -- That nothing live stands there instead is known of the time that a list covers; one that is changed while it
               -- is read is in the next only. Clocks may differ by some minutes.
               when action_shows_it
                and (Type <> 'Reversal'
                     or greatest(intended_at, action_reversed_at) + interval 5 minutes <= $actions_at::timestamptz)
                    then 'settled credited action_shows_it'
               when action_shows_it and is_complete is distinct from true then null
               when state = 'accepted' then
                   case when is_complete and has_error then 'settled rejected code'
                        when is_complete then 'settled credited completed'
                        when is_gone or (submission_id is null and accepted_at + $settle_after <= $submissions_at::timestamptz)
                             then 'settled end_unknown record_gone'
                        when $now - accepted_at > $give_up_after then 'settled end_unknown not_ended' end
               -- The values are absolute: telling them again changes nothing that was told already.
               when state = 'in_doubt' and intended_at + $settle_after <= $actions_at::timestamptz
                    then 'ready - same_value_again' end as answer
      from sighting
     where Type <> 'Conversion')
select request_id,
       state as from_state,
       split_part(answer, ' ', 1) as to_state,
       nullif(split_part(answer, ' ', 2), '-') as outcome,
       case when split_part(answer, ' ', 3) = 'code' then coalesce(ErrorReason, ErrorType)
            else split_part(answer, ' ', 3) end as reason,
       case when split_part(answer, ' ', 3) = 'code' then ErrorType end as detail,
       case when to_state = 'ready' then $now end as due_at
  from said
 where answer is not null
