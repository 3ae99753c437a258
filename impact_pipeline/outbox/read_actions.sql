-- What     the rows of a listing of actions, typed; empty texts are null already
-- Writes   listed_action (temporary)
-- Grain    one row per action, the last one read of each
-- Binds    $file varchar
create or replace temp table listed_action as
select Id as action_id, CampaignId, ActionTrackerId, Oid, upper(State) as State,
       try_cast(Amount as decimal(18, 2)) as Amount,
       try_cast(Payout as decimal(18, 2)) as Payout,
       Currency, MediaPartnerId, MediaPartnerName, CustomerId, CustomerStatus,
       try_cast(EventDate as timestamptz) as EventDate,
       try_cast(CreationDate as timestamptz) as CreationDate,
       try_cast(LockingDate as timestamptz) as LockingDate,
       try_cast(ClearedDate as timestamptz) as ClearedDate,
       ReferringType, Note
  from (select *, row_number() over () as line
          from read_json($file, format = 'newline_delimited', columns = {
                   'Id': 'VARCHAR', 'CampaignId': 'VARCHAR', 'ActionTrackerId': 'VARCHAR', 'Oid': 'VARCHAR',
                   'State': 'VARCHAR', 'Amount': 'VARCHAR', 'Payout': 'VARCHAR', 'Currency': 'VARCHAR',
                   'MediaPartnerId': 'VARCHAR', 'MediaPartnerName': 'VARCHAR', 'CustomerId': 'VARCHAR',
                   'CustomerStatus': 'VARCHAR', 'EventDate': 'VARCHAR', 'CreationDate': 'VARCHAR',
                   'LockingDate': 'VARCHAR', 'ClearedDate': 'VARCHAR', 'ReferringType': 'VARCHAR', 'Note': 'VARCHAR'}))
 where Id is not null
qualify row_number() over (partition by Id order by line desc) = 1
