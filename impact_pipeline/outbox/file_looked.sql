-- What     keeps what a look into the folder showed of files whose upload has no known end
-- Writes   outbox.file
-- Grain    one row per file
-- Binds    $there varchar[]: names of those that lie there whole; $looked_for varchar[]; $now timestamptz
--          $over_since timestamptz: of a file made after it, the upload may still take effect, and the look shows nothing
update outbox.file
   set state = case when list_contains($there::varchar[], name) then 'uploaded' else state end,
       uploaded_at = case when list_contains($there::varchar[], name) then $now end,
       missing_since = case when not list_contains($there::varchar[], name) and created_at <= $over_since
                            then coalesce(missing_since, $now) end
 where state = 'intended'
   and list_contains($looked_for::varchar[], name)
