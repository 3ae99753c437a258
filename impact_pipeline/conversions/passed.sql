left join (
    select {parent} as id, {value}::varchar as value, max("CreatedDate") as passed_at
      from {table}
     where {only}
       and {parent} in (select Id from pair_change where kind <> 'history' and (kind = 'created' or list_contains(fields, {field})))
     group by all) as {alias}
    on {alias}.id = s.Id and {alias}.value = s.{column}::varchar
