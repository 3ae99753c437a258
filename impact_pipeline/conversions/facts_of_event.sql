select q.change_id, q.event, q.role, q.is_carried, {object} as object, m.Id, m.kind, m.fields, m.detected_at,
       m.version_id, m.history_id, m.cycles_since, m.was_deleted, m.was_missing,
       {values}
  from pair as q
  join moment as m using (change_id)
  {joins}
 where q.event = {event}
