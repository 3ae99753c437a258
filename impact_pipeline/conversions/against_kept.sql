-- What     the answers to the changes of the window, as one configuration gives them
-- Reads    conversions.current_decision
-- Writes   answered_{side} (temporary)
-- Grain    one row per pair
-- Binds    $since bigint: the newest change before the window
create or replace temp table answered_{side} as
select change_id, event, object, decision, reason, decision = 'send' and carries as is_sent, amount, CurrencyCode
  from conversions.current_decision
 where change_id > $since
