-- The three-way comparison of what Salesforce asks for, what the outbox did and what impact.com shows.

create table reconciliation.class (
    place   integer not null,
    class   varchar not null,
    meaning varchar not null,
    remedy  varchar not null);
comment on table reconciliation.class is 'The closed list of classes. A key is in the first one that fits, in the order of place.';
comment on column reconciliation.class.place is 'Order of the questions, from 1.';
comment on column reconciliation.class.class is 'Name of the class.';
comment on column reconciliation.class.meaning is 'What is true of a key in it.';
comment on column reconciliation.class.remedy is 'What to do about it, for a reader who sees the key in reconciliation.open_difference.';
insert into reconciliation.class (place, class, meaning, remedy) values
(1, 'erased', 'Forgotten on request; only a hash of the key is kept.',
 'Nothing: the values were erased on purpose.'),
(2, 'unexpected_action', 'impact.com has an action and nothing of ours was sent under its key.',
 'Ask the partner manager where the action comes from (tag, inquiry, partner''s own report, another integration) and reverse it at impact.com if nobody can tell.'),
(3, 'duplicate_action', 'impact.com has more than one live action for the key.',
 'Compare the actions at impact.com, reverse the surplus ones there before they lock, and check the deduplication window of the event type.'),
(4, 'not_in_outbox', 'A conversion is due, and it is neither queued nor held.',
 'This must not happen. Run the cycle again; if the row stays, look at the logs of the newest run and report it: a conversion would be lost.'),
(5, 'no_longer_expected', 'It was queued or sent, and no decision asks for it any more.',
 'Look at the record with `impact-pipeline explain`; if the conversion is wrong, reverse its action at impact.com before it locks.'),
(6, 'held', 'The newest decision holds it back; nothing was sent.',
 'Mend what the reason names (field, mapping, event type); it goes by itself in the next cycle. Not mended, it ends as a skip after hold_expires.'),
(7, 'withdrawn', 'Cancelled before it was sent.',
 'Nothing.'),
(8, 'waiting', 'Queued, and not due yet or on its way.',
 'Look at the wait named: a parent that does not settle must be mended first; otherwise check that the submit job runs.'),
(9, 'in_doubt', 'The answer was lost and reading has not settled it yet.',
 'If it needs a person: look the OrderId up at impact.com, and enter it there by hand if it is missing; nothing is sent again unproven.'),
(10, 'refused', 'impact.com refused it, at the door or while processing.',
 'Look at the reason code; mend the mapping or the set-up at impact.com for what comes next, and enter this one there by hand: a refused row is not sent again.'),
(11, 'unconfirmed', 'Accepted; the end of the processing is not known yet, within the usual time.',
 'Nothing yet: it is read again by itself.'),
(12, 'end_unknown', 'Accepted, and its end can not be found out: not processed in time, or its record is gone; no action.',
 'Look the OrderId up at impact.com; ask their support with the submission id; enter it by hand only when they say it never arrived.'),
(13, 'not_credited', 'Processed and credited to nobody: an organic customer, the normal case.',
 'Nothing.'),
(14, 'reported_elsewhere', 'impact.com knew the OrderId already, and the first report was not ours.',
 'Find the other sender (website tag, package in Salesforce, script) and let only one of the two report this event type.'),
(15, 'missing_action', 'Processed without error, and still there is no action.',
 'Look at the submission at impact.com and ask their support with its id.'),
(16, 'correction_open', 'A correction is under way, or held, and impact.com does not show it yet.',
 'See that it gets through before the action locks: mend the held correction, or correct the action at impact.com by hand.'),
(17, 'locked_with_difference', 'impact.com shows something else than wanted, and the action is locked.',
 'For finance: settle the difference with the partner outside the pipeline, by a bonus or a deduction at impact.com.'),
(18, 'state_differs', 'Live here and reversed at impact.com, or the reverse, and nothing of ours is under way.',
 'Ask who reversed it (or why our reversal was refused). The pipeline never fights a change made at impact.com.'),
(19, 'amount_differs', 'Live on both sides with different amounts.',
 'Compare the amounts; if ours is right, correct the action at impact.com before it locks, else correct the record in Salesforce.'),
(20, 'reversed', 'Both sides say reversed.',
 'Nothing.'),
(21, 'reattributed', 'One live action, an earlier one for the key was reversed by impact.com''s own attribution; the amounts agree.',
 'Nothing.'),
(22, 'matched', 'One live action, the amounts agree.',
 'Nothing.');

create table reconciliation.origin (
    ReferringType varchar not null,
    why           varchar not null);
comment on table reconciliation.origin is 'What the ReferringType of an action that we did not send tells about where it comes from. Add rows as your account needs them.';
comment on column reconciliation.origin.ReferringType is 'As impact.com writes it.';
comment on column reconciliation.origin.why is 'inquiry, partner_submitted or tag.';
insert into reconciliation.origin values ('INQUIRY', 'inquiry'), ('PARTNER_SUBMITTED', 'partner_submitted');

create table reconciliation.erased_key (
    CampaignId      varchar not null,
    ActionTrackerId varchar not null,
    OrderId_sha256  varchar not null,
    salt            varchar not null,
    erased_at       timestamptz not null);
comment on table reconciliation.erased_key is 'Keys that were forgotten on request, as SHA-256 of salt and OrderId, so that they are neither sent nor listed again.';
comment on column reconciliation.erased_key.CampaignId is 'Program.';
comment on column reconciliation.erased_key.ActionTrackerId is 'Event type.';
comment on column reconciliation.erased_key.OrderId_sha256 is 'SHA-256 over salt and OrderId, hex; stands for the OrderId wherever that was erased.';
comment on column reconciliation.erased_key.salt is 'private: the salt, the same in all rows.';
comment on column reconciliation.erased_key.erased_at is 'When. UTC.';

create table reconciliation.cursor (
    decision_id     bigint not null,
    transition_id   bigint not null,
    action_count    bigint not null,
    observed_at     timestamptz,
    wanted_at       timestamptz,
    erased_count    bigint not null,
    settings_sha256 varchar not null);
comment on table reconciliation.cursor is 'One row: how far the other tables have been looked at. The next comparison takes up only what came after, and what has become due.';
comment on column reconciliation.cursor.decision_id is 'Newest decision.';
comment on column reconciliation.cursor.transition_id is 'Newest move of a request.';
comment on column reconciliation.cursor.action_count is 'Number of observations of actions.';
comment on column reconciliation.cursor.observed_at is 'Newest observation of an action. UTC.';
comment on column reconciliation.cursor.wanted_at is 'Newest wanted correction. UTC.';
comment on column reconciliation.cursor.erased_count is 'Number of erased keys.';
comment on column reconciliation.cursor.settings_sha256 is 'SHA-256 of the settings compared with; other settings compare everything anew.';

create table reconciliation.implied_rate (
    CurrencyCode varchar not null,
    Currency     varchar not null,
    day          date not null,
    rate         double not null,
    action_count bigint not null);
comment on table reconciliation.implied_rate is 'What impact.com''s conversions of currency come to: median of its amount through ours, per day of the action.';
comment on column reconciliation.implied_rate.CurrencyCode is 'Currency that we sent.';
comment on column reconciliation.implied_rate.Currency is 'The account''s currency.';
comment on column reconciliation.implied_rate.day is 'Day on which impact.com made the actions, UTC.';
comment on column reconciliation.implied_rate.rate is 'Account currency for one unit of the sent currency.';
comment on column reconciliation.implied_rate.action_count is 'Actions that it was taken from.';

create table reconciliation.conversion_status (
    key              varchar not null,
    CampaignId       varchar,
    ActionTrackerId  varchar,
    OrderId          varchar,
    EventTypeCode    varchar,
    event_id         varchar,
    object           varchar,
    Id               varchar,
    event            varchar,
    class            varchar not null,
    why              varchar,
    is_open          boolean not null,
    bucket           varchar not null,
    is_expected      boolean not null,
    decision         varchar,
    decision_reason  varchar,
    request_id       bigint,
    state            varchar,
    outcome          varchar,
    month            date not null,
    CurrencyCode     varchar not null,
    expected_amount  decimal(18, 2),
    sent_amount      decimal(18, 2),
    wanted_amount    decimal(18, 2),
    impact_amount    decimal(18, 2),
    impact_payout    decimal(18, 2),
    impact_currency  varchar,
    implied_rate     double,
    impact_state     varchar,
    action_ids       varchar[],
    live_count       bigint not null,
    reversed_count   bigint not null,
    MediaPartnerId   varchar,
    locking_date     date,
    is_locked        boolean not null,
    correction_count bigint not null,
    is_redated       boolean not null,
    next_look_at     timestamptz,
    since            timestamptz not null);
comment on table reconciliation.conversion_status is 'One row per key (CampaignId, ActionTrackerId, OrderId) that is expected, requested or known to impact.com, each in exactly one class. An expected event without a key of its own has a row of its own.';
comment on column reconciliation.conversion_status.key is 'The key as one text: CampaignId/ActionTrackerId/OrderId; event/... for an event without a key of its own (OrderId not known, or taken by another event); action/... for an action without OrderId.';
comment on column reconciliation.conversion_status.CampaignId is 'Program.';
comment on column reconciliation.conversion_status.ActionTrackerId is 'Id of the event type.';
comment on column reconciliation.conversion_status.OrderId is 'Our id of the conversion; null when it is not known yet.';
comment on column reconciliation.conversion_status.EventTypeCode is 'Code of the event type; null when the catalogue does not know the id.';
comment on column reconciliation.conversion_status.event_id is 'Identity of the business event; null for what we did not send.';
comment on column reconciliation.conversion_status.object is 'API name of the Salesforce object.';
comment on column reconciliation.conversion_status.Id is 'Id of the record.';
comment on column reconciliation.conversion_status.event is 'Name of the event in the object''s file.';
comment on column reconciliation.conversion_status.class is 'The first class of reconciliation.class that fits.';
comment on column reconciliation.conversion_status.why is 'What the class does not say: reason of the hold, the wait, the code of the refusal, where an unexpected action comes from ...';
comment on column reconciliation.conversion_status.is_open is 'Whether somebody should look at it. Such rows are in reconciliation.open_difference.';
comment on column reconciliation.conversion_status.bucket is 'Where it counts in reconciliation.totals: held, waiting, withdrawn, missing; refused, not_credited, credited, reversed, open; unexpected.';
comment on column reconciliation.conversion_status.is_expected is 'Whether a current decision asks for it: to be sent, or held.';
comment on column reconciliation.conversion_status.decision is 'The carrying decision.';
comment on column reconciliation.conversion_status.decision_reason is 'Its reason code.';
comment on column reconciliation.conversion_status.request_id is 'The Conversion in outbox.request.';
comment on column reconciliation.conversion_status.state is 'Its state.';
comment on column reconciliation.conversion_status.outcome is 'Its outcome.';
comment on column reconciliation.conversion_status.month is 'First day of the month of the EventDate that we sent (else of the event, else of the action), in the program''s time zone.';
comment on column reconciliation.conversion_status.CurrencyCode is 'Currency of the sent money; the account''s where none is sent.';
comment on column reconciliation.conversion_status.expected_amount is 'Money that should be sent; null when not expected.';
comment on column reconciliation.conversion_status.sent_amount is 'Money in the request; null when there is none.';
comment on column reconciliation.conversion_status.wanted_amount is 'What impact.com should show: as sent, or as corrected; 0 when reversed. In CurrencyCode.';
comment on column reconciliation.conversion_status.impact_amount is 'Sum of the live actions in the account''s currency; null without an action.';
comment on column reconciliation.conversion_status.impact_payout is 'Their payout.';
comment on column reconciliation.conversion_status.impact_currency is 'The account''s currency, as the action says.';
comment on column reconciliation.conversion_status.implied_rate is 'Rate that the amounts were compared with; null where both are in one currency.';
comment on column reconciliation.conversion_status.impact_state is 'live, reversed, or null without an action.';
comment on column reconciliation.conversion_status.action_ids is 'impact.com''s actions for the key, sorted.';
comment on column reconciliation.conversion_status.live_count is 'Actions that are not reversed.';
comment on column reconciliation.conversion_status.reversed_count is 'Actions that are reversed.';
comment on column reconciliation.conversion_status.MediaPartnerId is 'The credited partner of the newest live action.';
comment on column reconciliation.conversion_status.locking_date is 'Day on which the first live action locks, in the program''s time zone.';
comment on column reconciliation.conversion_status.is_locked is 'Whether its actions can not be changed any more.';
comment on column reconciliation.conversion_status.correction_count is 'Corrections asked for, withdrawn ones not counted.';
comment on column reconciliation.conversion_status.is_redated is 'Whether impact.com holds another event date than the one we sent.';
comment on column reconciliation.conversion_status.next_look_at is 'When the row may change without news: a wait that ends, an action that locks. UTC.';
comment on column reconciliation.conversion_status.since is 'When the key was first seen in this class. UTC.';

create table reconciliation.counted_event (
    event_id        varchar not null,
    EventTypeCode   varchar,
    ActionTrackerId varchar,
    month           date not null,
    CurrencyCode    varchar not null,
    expected_count  bigint not null,
    expected_amount decimal(18, 2) not null,
    sent_count      bigint not null,
    sent_amount     decimal(18, 2) not null);
comment on table reconciliation.counted_event is 'What each event counts for in the totals, taken from its decision and its request and never from conversion_status, so that only the lines that news has moved are counted anew.';
comment on column reconciliation.counted_event.event_id is 'The business event.';
comment on column reconciliation.counted_event.EventTypeCode is 'As in totals.';
comment on column reconciliation.counted_event.ActionTrackerId is 'As in totals.';
comment on column reconciliation.counted_event.month is 'As in totals.';
comment on column reconciliation.counted_event.CurrencyCode is 'As in totals.';
comment on column reconciliation.counted_event.expected_count is 'Current decisions that want it sent, or hold it.';
comment on column reconciliation.counted_event.expected_amount is 'Their money.';
comment on column reconciliation.counted_event.sent_count is '1 where its request has left.';
comment on column reconciliation.counted_event.sent_amount is 'Its money.';

create table reconciliation.tally (
    EventTypeCode   varchar,
    ActionTrackerId varchar,
    month           date not null,
    CurrencyCode    varchar not null,
    bucket          varchar not null,
    class           varchar,
    is_open         boolean,
    is_expected     boolean,
    is_requested    boolean,
    impact_currency varchar,
    key_count       bigint not null,
    amount          decimal(38, 2) not null,
    sent_amount     decimal(38, 2) not null,
    wanted_amount   decimal(38, 2) not null,
    live_count      bigint not null,
    impact_amount   decimal(38, 2) not null,
    impact_payout   decimal(38, 2) not null);
comment on table reconciliation.tally is 'What counted_event and conversion_status add up to, by everything that totals and classes are counted by. Each comparison adds what came and takes off what went, so that neither table is counted anew.';
comment on column reconciliation.tally.EventTypeCode is 'As in totals.';
comment on column reconciliation.tally.ActionTrackerId is 'As in totals.';
comment on column reconciliation.tally.month is 'As in totals.';
comment on column reconciliation.tally.CurrencyCode is 'As in totals.';
comment on column reconciliation.tally.bucket is 'expected or sent: events of counted_event; otherwise keys, as in conversion_status.';
comment on column reconciliation.tally.class is 'As in conversion_status; null for events.';
comment on column reconciliation.tally.is_open is 'As in conversion_status; null for events.';
comment on column reconciliation.tally.is_expected is 'As in conversion_status; null for events.';
comment on column reconciliation.tally.is_requested is 'Whether the key has a request; null for events.';
comment on column reconciliation.tally.impact_currency is 'As in conversion_status; null for events.';
comment on column reconciliation.tally.key_count is 'Keys, or events.';
comment on column reconciliation.tally.amount is 'Their money: as it was sent, else as it is expected.';
comment on column reconciliation.tally.sent_amount is 'Of it the money in requests; 0 for events.';
comment on column reconciliation.tally.wanted_amount is 'What impact.com should show; 0 for events.';
comment on column reconciliation.tally.live_count is 'Live actions; 0 for events.';
comment on column reconciliation.tally.impact_amount is 'Their amounts, in impact_currency.';
comment on column reconciliation.tally.impact_payout is 'Their payouts, in impact_currency.';

create table reconciliation.totals (
    EventTypeCode           varchar,
    ActionTrackerId         varchar,
    month                   date not null,
    CurrencyCode            varchar not null,
    expected_count          bigint not null,
    expected_amount         decimal(38, 2) not null,
    not_expected_count      bigint not null,
    not_expected_amount     decimal(38, 2) not null,
    not_sent_count          bigint not null,
    not_sent_amount         decimal(38, 2) not null,
    held_count              bigint not null,
    held_amount             decimal(38, 2) not null,
    waiting_count           bigint not null,
    waiting_amount          decimal(38, 2) not null,
    withdrawn_count         bigint not null,
    withdrawn_amount        decimal(38, 2) not null,
    missing_count           bigint not null,
    missing_amount          decimal(38, 2) not null,
    sent_count              bigint not null,
    sent_amount             decimal(38, 2) not null,
    refused_count           bigint not null,
    refused_amount          decimal(38, 2) not null,
    not_credited_count      bigint not null,
    not_credited_amount     decimal(38, 2) not null,
    credited_count          bigint not null,
    credited_amount         decimal(38, 2) not null,
    reversed_count          bigint not null,
    reversed_amount         decimal(38, 2) not null,
    open_count              bigint not null,
    open_amount             decimal(38, 2) not null,
    wanted_amount           decimal(38, 2) not null,
    impact_count            bigint not null,
    impact_amount           decimal(38, 2) not null,
    impact_payout           decimal(38, 2) not null,
    impact_currency         varchar,
    unexpected_count        bigint not null,
    unexpected_amount       decimal(38, 2) not null,
    impact_difference       decimal(38, 2),
    listed_difference       decimal(38, 2),
    expected_balance_count  bigint not null,
    expected_balance_amount decimal(38, 2) not null,
    sent_balance_count      bigint not null,
    sent_balance_amount     decimal(38, 2) not null);
comment on table reconciliation.totals is 'Per event type, month and currency: what was expected, what became of it, and what impact.com shows. Money in the currency that was sent, unless a column says otherwise.';
comment on column reconciliation.totals.EventTypeCode is 'Code of the event type; null when the catalogue does not know the id.';
comment on column reconciliation.totals.ActionTrackerId is 'Id of the event type.';
comment on column reconciliation.totals.month is 'First day of the month of the EventDate that we sent, in the program''s time zone.';
comment on column reconciliation.totals.CurrencyCode is 'Currency of the sent money.';
comment on column reconciliation.totals.expected_count is 'Events that the current decisions want sent, or hold. Counted from conversions.*.';
comment on column reconciliation.totals.expected_amount is 'Their money.';
comment on column reconciliation.totals.not_expected_count is 'Keys in the outbox that no decision asks for (any more): withdrawn, or listed as no_longer_expected.';
comment on column reconciliation.totals.not_expected_amount is 'Their money.';
comment on column reconciliation.totals.not_sent_count is 'Keys of which nothing has left: held, waiting, withdrawn, missing.';
comment on column reconciliation.totals.not_sent_amount is 'Their money.';
comment on column reconciliation.totals.held_count is 'Not sent: held back by a decision.';
comment on column reconciliation.totals.held_amount is 'Their money.';
comment on column reconciliation.totals.waiting_count is 'Not sent: queued, or just being sent.';
comment on column reconciliation.totals.waiting_amount is 'Their money.';
comment on column reconciliation.totals.withdrawn_count is 'Not sent: cancelled before.';
comment on column reconciliation.totals.withdrawn_amount is 'Their money.';
comment on column reconciliation.totals.missing_count is 'Not sent: neither queued nor held. Must be 0.';
comment on column reconciliation.totals.missing_amount is 'Their money.';
comment on column reconciliation.totals.sent_count is 'Keys of which a request has left. Counted from outbox.request.';
comment on column reconciliation.totals.sent_amount is 'Their money.';
comment on column reconciliation.totals.refused_count is 'Sent: refused by impact.com.';
comment on column reconciliation.totals.refused_amount is 'Their money.';
comment on column reconciliation.totals.not_credited_count is 'Sent: credited to nobody.';
comment on column reconciliation.totals.not_credited_amount is 'Their money.';
comment on column reconciliation.totals.credited_count is 'Sent: a live action exists. The money is what we sent.';
comment on column reconciliation.totals.credited_amount is 'Their money.';
comment on column reconciliation.totals.reversed_count is 'Sent: all its actions are reversed.';
comment on column reconciliation.totals.reversed_amount is 'Their money.';
comment on column reconciliation.totals.open_count is 'Sent: the end is not known yet.';
comment on column reconciliation.totals.open_amount is 'Their money.';
comment on column reconciliation.totals.wanted_amount is 'What impact.com should show for the credited ones after corrections, in CurrencyCode.';
comment on column reconciliation.totals.impact_count is 'Live actions of our keys at impact.com.';
comment on column reconciliation.totals.impact_amount is 'Their amounts, in the account''s currency.';
comment on column reconciliation.totals.impact_payout is 'Their payouts, in the account''s currency.';
comment on column reconciliation.totals.impact_currency is 'The account''s currency.';
comment on column reconciliation.totals.unexpected_count is 'Live actions under keys that we did not send.';
comment on column reconciliation.totals.unexpected_amount is 'Their amounts, in the account''s currency.';
comment on column reconciliation.totals.impact_difference is 'impact_amount less wanted_amount; null where the currencies differ.';
comment on column reconciliation.totals.listed_difference is 'The part of impact_difference that lies in rows of reconciliation.open_difference, or in corrections under way.';
comment on column reconciliation.totals.expected_balance_count is 'expected + not_expected - not_sent - sent. Must be 0.';
comment on column reconciliation.totals.expected_balance_amount is 'The same in money. Must be 0.00.';
comment on column reconciliation.totals.sent_balance_count is 'sent - refused - not_credited - credited - reversed - open. Must be 0.';
comment on column reconciliation.totals.sent_balance_amount is 'The same in money. Must be 0.00.';

create view reconciliation.open_difference as
select s.key, s.CampaignId, s.ActionTrackerId, s.OrderId, s.EventTypeCode, s.event_id, s.object, s.Id, s.event, s.class, s.why,
       c.remedy, s.month, s.CurrencyCode, s.expected_amount, s.wanted_amount, s.impact_amount, s.impact_currency, s.impact_payout, s.action_ids, s.locking_date, s.is_locked, s.since
  from reconciliation.conversion_status as s
  join reconciliation.class as c using (class)
 where s.is_open;
comment on view reconciliation.open_difference is 'Every key that somebody should look at, with the reason and what to do. Order by locking_date to see what can not wait.';

create view reconciliation.lock_calendar as
select locking_date, impact_currency,
       sum(live_count)::bigint as action_count,
       sum(impact_amount)::decimal(38, 2) as impact_amount,
       sum(impact_payout)::decimal(38, 2) as impact_payout,
       count(*) filter (is_open or class = 'correction_open') as open_count,
       coalesce(sum(impact_amount) filter (is_open or class = 'correction_open'), 0)::decimal(38, 2) as open_amount,
       coalesce(list(distinct class order by class) filter (is_open or class = 'correction_open'), []) as open_classes
  from reconciliation.conversion_status
 where live_count > 0 and locking_date is not null
 group by all
 order by locking_date, impact_currency;
comment on view reconciliation.lock_calendar is 'Day by day: the actions and the money that lock, and what is still open among them.';
comment on column reconciliation.open_difference.key is 'The key as one text.';
comment on column reconciliation.open_difference.CampaignId is 'Program.';
comment on column reconciliation.open_difference.ActionTrackerId is 'Id of the event type.';
comment on column reconciliation.open_difference.OrderId is 'Our id of the conversion.';
comment on column reconciliation.open_difference.EventTypeCode is 'Code of the event type.';
comment on column reconciliation.open_difference.event_id is 'Identity of the business event.';
comment on column reconciliation.open_difference.object is 'API name of the Salesforce object.';
comment on column reconciliation.open_difference.Id is 'Id of the record.';
comment on column reconciliation.open_difference.event is 'Name of the event.';
comment on column reconciliation.open_difference.class is 'Class of the key.';
comment on column reconciliation.open_difference.why is 'What the class does not say.';
comment on column reconciliation.open_difference.remedy is 'What to do about it.';
comment on column reconciliation.open_difference.month is 'Month that it counts in.';
comment on column reconciliation.open_difference.CurrencyCode is 'Currency of the sent money.';
comment on column reconciliation.open_difference.expected_amount is 'Money that should be sent.';
comment on column reconciliation.open_difference.wanted_amount is 'What impact.com should show, in CurrencyCode.';
comment on column reconciliation.open_difference.impact_amount is 'What impact.com shows, in the account''s currency.';
comment on column reconciliation.open_difference.impact_currency is 'The account''s currency.';
comment on column reconciliation.open_difference.impact_payout is 'Payout of the live actions.';
comment on column reconciliation.open_difference.action_ids is 'impact.com''s actions.';
comment on column reconciliation.open_difference.locking_date is 'Day on which the first live action locks.';
comment on column reconciliation.open_difference.is_locked is 'Whether nothing can be changed any more.';
comment on column reconciliation.open_difference.since is 'When the key was first seen in this class. UTC.';
comment on column reconciliation.lock_calendar.locking_date is 'Day, in the program''s time zone.';
comment on column reconciliation.lock_calendar.impact_currency is 'The account''s currency.';
comment on column reconciliation.lock_calendar.action_count is 'Live actions that lock on it (of several for one key, the first).';
comment on column reconciliation.lock_calendar.impact_amount is 'Their amounts.';
comment on column reconciliation.lock_calendar.impact_payout is 'Their payouts.';
comment on column reconciliation.lock_calendar.open_count is 'Keys among them with an open difference or a correction under way.';
comment on column reconciliation.lock_calendar.open_amount is 'impact.com''s amounts of those keys.';
comment on column reconciliation.lock_calendar.open_classes is 'Their classes.';
