-- What     the objects that a record's Id is known under, outside of raw.*
-- Reads    changes.change, conversions.decision, outbox.request, raw._forgotten
-- Grain    one row per object and Id
-- Binds    $id varchar: 15 or 18 characters
select distinct object, Id
  from (select object, Id from changes.change
         union all
        select object, Id from conversions.decision
         union all
        select object, Id from outbox.request
         union all
        select object, Id from raw._forgotten where field = 'Id')
 where Id = $id or length($id) = 15 and left(Id, 15) = $id
