-- What     lists where the conversions lead whose end is known, or whose doubt is over
-- Reads    sighting
-- Writes   move
-- Grain    one row per request that moves; the first line that fits decides
-- Binds    $now, $actions_at, $submissions_at timestamptz: when complete passes over the lists began, null: none did
--          $settle_after, $action_wait, $give_up_after interval; $is_forbidden boolean: the lists may not be read
insert into move by name
with
proven as (
    select *,
           -- Both lists were read to their end, long enough after the intent, and neither has it.
           coalesce(submission_id is null and action_id is null and not is_in_file
                    and intended_at + $settle_after <= $actions_at::timestamptz
                    and intended_at + $settle_after <= $submissions_at::timestamptz, false) as did_not_arrive,
           $is_forbidden or $now - intended_at > interval 24 hours as cannot_be_read,
           coalesce(is_gone
                    or (submission_id is null and not is_in_file and accepted_at + $settle_after <= $submissions_at::timestamptz), false)
               and $actions_at::timestamptz is not null as record_is_gone
      from sighting
     where Type = 'Conversion'),
said as (
    select *,
           case
               when action_id is not null then
                   case when state in ('accepted', 'in_doubt') or action_is_ours
                        then case when action_is_ours then 'settled credited action'
                                  else 'settled already_there reported_before' end end
               when state in ('refused', 'settled') then null
               when is_complete and has_error then
                   'settled ' || case when is_already_there then 'already_there'
                                      when is_to_be_fixed then 'rejected'
                                      else 'not_credited' end || ' code'
               when state = 'accepted' then
                   case when is_complete and CompletionDate + $action_wait <= $actions_at::timestamptz
                             then 'settled not_credited no_action'
                        when record_is_gone then 'settled end_unknown record_gone'
                        when $now - accepted_at > $give_up_after then 'settled end_unknown not_ended' end
               when submission_id is not null then 'accepted - found'
               -- The file's own record, and the folder, settle it: file_ends.py.
               when is_in_file then null
               when did_not_arrive then
                   case when is_still_wanted then 'ready - no_trace' else 'settled no_trace not_wanted' end
               when $now - intended_at <= $settle_after or not cannot_be_read then null
               when $now < safe_until then 'ready - inside_dedup_window'
               when not needs_person then 'in_doubt - needs_person' end as answer
      from proven)
select request_id,
       state as from_state,
       split_part(answer, ' ', 1) as to_state,
       nullif(split_part(answer, ' ', 2), '-') as outcome,
       case when split_part(answer, ' ', 3) = 'code' then coalesce(ErrorReason, ErrorType)
            else split_part(answer, ' ', 3) end as reason,
       nullif(concat_ws('; ',
                  case when split_part(answer, ' ', 3) = 'code' then ErrorType end,
                  'unknown code ' || unknown_codes), '') as detail,
       case when to_state = 'ready' and attempt_count > 1 then 'backing_off' end as wait,
       -- What was lost more than once rests a little longer each time.
       case when to_state = 'ready' and attempt_count > 1
            then $now + to_minutes(least(5 * (attempt_count - 1) * (attempt_count - 1), 360)::integer)
            when to_state = 'ready' then $now end as due_at,
       case when to_state = 'accepted' then $now + $settle_after end as next_look_at,
       coalesce(reason = 'needs_person' and to_state = 'in_doubt', false) as needs_person,
       starts_with(answer, 'settled no_trace') as is_thawed,
       submission_id,
       action_id
  from said
 where answer is not null
