-- What     says for each pair of change and event whether the trigger fires, and if not, why not
-- Reads    the facts of each event (one row per pair, made from the configuration), renamed, conversions.current_word
-- Grain    one row per pair; trigger_answer = fire, skip or hold; trigger_reason = code of the closed list;
--          is_weighed: something may follow from it, be it for an event that was reported before
-- Rules    which event fires when: cases A, B, C, D and F of the conformance suite
select * exclude (said, spoken),
       split_part(spoken, ' ', 1) as trigger_answer,
       split_part(spoken, ' ', 2) as trigger_reason,
       role <> 'new' or is_carried or trigger_answer <> 'skip'
           or trigger_reason in ('first_load', 'appeared')
              and has_when and coalesce(condition_holds and in_scope, false) as is_weighed
  from (
    select f.*,
           -- Whatever follows from a renamed value alone has not happened; a person may know better.
           case
               when r.change_id is null or coalesce(w.word = 'release', false) then f.said
               when len(list_filter(list_intersect(f.fields, f.watched_fields),
                                    lambda field: not list_contains(r.fields, field))) > 0 then f.said
               when not starts_with(f.said, 'fire ')
                    and f.said not in ('hold awaiting_history', 'skip condition_false', 'skip condition_unknown') then f.said
               when r.is_accepted then 'skip same_value'
               else 'hold value_renamed'
           end as spoken
      from (
        select f.*,
               case
                   when f.role = 'carrier' then 'skip not_watched'
                   when f.kind in ('items', 'requested', 'refund') then 'skip not_watched'
                   when f.kind = 'merged' then 'skip merged_away'
                   when f.kind = 'deleted' then 'skip no_rule'
                   when f.kind = 'baseline' then
                       case when f.created_on and not f.by_history and f.go_live_at is not null
                                 and f.created_date >= f.go_live_at and f.in_scope and f.condition_holds
                            then 'fire record_created'
                            else 'skip first_load' end
                   when f.kind in ('appeared', 'created') and f.was_deleted then 'skip deleted_unsent'
                   when f.kind = 'appeared' then 'skip appeared'
                   when f.in_scope is distinct from true then 'skip out_of_scope'

                   when f.kind = 'history' and not f.history_field_changed then 'skip not_watched'
                   when f.kind = 'history' then
                       case when f.is_first_passage and not f.created_on then 'skip not_enabled'
                            when not f.is_first_passage and not f.watched then 'skip not_enabled'
                            when f.condition_holds is null then 'skip condition_unknown'
                            when not f.condition_holds then 'skip condition_false'
                            when f.is_first_passage then 'fire record_created'
                            else 'fire stage_passed' end

                   when f.by_history and (f.kind = 'created' or f.history_field_changed)
                        -- Of what was decided without it, a late history finds that it is reported, or held.
                        and f.history_caught_up and not f.is_carrying then 'skip history_decides'
                   -- A first version that nobody had edited has nothing that a history could add.
                   when f.by_history
                        and (f.kind = 'created' and f.edited_before_seen is distinct from false or f.history_field_changed)
                        and f.cycles_since < f.history_patience then 'hold awaiting_history'

                   when f.kind = 'created' and f.created_on then
                       case when f.condition_holds is null then 'skip condition_unknown'
                            when not f.condition_holds then 'skip condition_false'
                            else 'fire record_created' end
                   when f.kind = 'created' and f.updated_on and f.edited_before_seen then
                       case when not f.has_when then 'skip change_unseen'
                            when f.condition_holds is null then 'skip condition_unknown'
                            when not f.condition_holds then 'skip condition_false'
                            else 'fire condition_met' end
                   when f.kind = 'created' then 'skip not_enabled'

                   when not f.updated_on then 'skip not_enabled'
                   when f.watched then
                       case when f.condition_holds is null then 'skip condition_unknown'
                            when not f.condition_holds then 'skip condition_false'
                            else 'fire field_changed' end
                   when f.condition_holds
                        and (f.kind = 'undeleted'
                             or f.held_before is distinct from true
                             or f.was_in_scope is distinct from true) then 'fire condition_met'
                   else 'skip not_watched'
               end as said
          from ({facts}) as f) as f
      left join renamed as r using (change_id)
      left join conversions.current_word as w on w.change_id = f.change_id and w.event = f.event)
