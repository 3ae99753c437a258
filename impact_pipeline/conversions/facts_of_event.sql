select q.*, {object} as object, m.Id, m.kind, m.fields, m.detected_at,
       m.version_id, m.history_id, m.cycles_since, m.was_deleted, m.was_missing,
       {values}
  from moment as m
  join {pairs} as q using (change_id)
  {joins}
 where q.event = {event}
