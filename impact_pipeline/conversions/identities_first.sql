-- What     the configuration under which something of an event was first sent, or registered as reported
-- Reads    conversions.decision
-- Grain    one row per object and event
select object, event, arg_min(config_hash, decision_id) as config_hash
  from conversions.decision
 where carries
   and decision <> 'hold'
 group by object, event
