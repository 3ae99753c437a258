select q.change_id, q.event, q.role, {object} as object, m.Id, m.kind, m.detected_at, m.cycles_since,
           coalesce(n."_is_deleted", false) as is_deleted,
           {values}
  from pair as q
  join moment as m using (change_id)
  left join before as b using (change_id)
  left join {table} as n on n."Id" = m.Id
  left join ({losers}) as l on l.survivor = m.Id
  {joins}
 where q.event = {event}
