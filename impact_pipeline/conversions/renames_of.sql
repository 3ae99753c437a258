-- What     the values of one field that were renamed in Setup: another name under the Id that the value has in its list
-- Reads    {versions}, conversions.word
-- Writes   rename (temporary)
-- Grain    one row per rename
-- Binds    $object, $field varchar
insert into rename
with
named as (
    select Id, "_version_id" as version_id, SystemModstamp as renamed_at, unnest([ApiName, MasterLabel]) as name,
           generate_subscripts([ApiName, MasterLabel], 1) as place
      from {versions}),
followed as (
    select lag(name) over (partition by Id, place order by version_id) as old_name, name as new_name, renamed_at
      from named)
select distinct $object, $field, old_name, new_name, renamed_at,
       md5(concat_ws('|', $object, $field, old_name, new_name, renamed_at)) as subject,
       subject in (select subject from conversions.word where word = 'accept')
  from followed
 where old_name <> new_name
