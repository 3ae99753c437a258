-- The tables of the first release. Columns keep the spelling of the system that they come from; ours are snake_case.
-- A comment that starts with "private:" keeps its column out of the readers' copy.

create schema raw;
create schema changes;
create schema conversions;
create schema outbox;
create schema audit;
create schema reconciliation;

create table warehouse.binding (
    organization_id    varchar not null,
    is_sandbox         boolean not null,
    account_sid_sha256 varchar not null,
    CampaignId         varchar not null,
    bound_at           timestamptz not null);
comment on table warehouse.binding is 'One row: the Salesforce org and the impact.com program that this warehouse belongs to, pinned at the first run.';
comment on column warehouse.binding.organization_id is 'Id of the Salesforce organisation, 18 characters.';
comment on column warehouse.binding.is_sandbox is 'Whether it is a sandbox.';
comment on column warehouse.binding.account_sid_sha256 is 'SHA-256 of impact.com''s Account SID, hex.';
comment on column warehouse.binding.CampaignId is 'impact.com''s program.';
comment on column warehouse.binding.bound_at is 'When it was pinned. UTC.';

-- capture ------------------------------------------------------------------------------------------------------------

create sequence raw.version_id;

create table raw._field (
    object            varchar not null,
    field             varchar not null,
    label             varchar not null,
    type              varchar not null,
    duckdb_type       varchar not null,
    length            integer,
    precision         integer,
    scale             integer,
    is_calculated     boolean not null,
    reference_to      varchar[],
    relationship_name varchar,
    form              varchar not null,
    first_seen_at     timestamptz not null,
    missing_since     timestamptz);
comment on table raw._field is 'One row per field of each captured object, as Salesforce described it last. Relationships are resolved with it.';
comment on column raw._field.object is 'API name of the object.';
comment on column raw._field.field is 'API name of the field.';
comment on column raw._field.label is 'What people see as its name.';
comment on column raw._field.type is 'Field type of the describe answer: string, currency, reference ...';
comment on column raw._field.duckdb_type is 'Type of the column in raw.*.';
comment on column raw._field.length is 'Length in characters, for text.';
comment on column raw._field.precision is 'Digits in all, for numbers.';
comment on column raw._field.scale is 'Digits after the point, for numbers.';
comment on column raw._field.is_calculated is 'True for formula fields: their changes do not move SystemModstamp. Roll-up summaries move it.';
comment on column raw._field.form is 'Form of the values: text, number with its scale, boolean, date or datetime. Only values of one form are compared.';
comment on column raw._field.reference_to is 'Objects that a reference may point to.';
comment on column raw._field.relationship_name is 'Name by which a path follows the reference: Account, Foo__r.';
comment on column raw._field.first_seen_at is 'When the field was first captured.';
comment on column raw._field.missing_since is 'When describe stopped to list the field (removed or hidden), or its form changed; null while it is there and has been read in full.';

create table raw._object (
    object       varchar not null,
    described    varchar[] not null,
    hidden_since timestamptz);
comment on table raw._object is 'One row per captured object: what describe listed last, to tell what is new and what is gone.';
comment on column raw._object.object is 'API name of the object.';
comment on column raw._object.described is 'API names of all its fields, sorted, captured or not.';
comment on column raw._object.hidden_since is 'When describe stopped to know the object; null while it does.';

create table raw._field_set (
    field_set_id integer not null,
    object       varchar not null,
    fields       varchar[] not null,
    forms        map(varchar, varchar) not null);
comment on table raw._field_set is 'The sets of fields that versions were captured with. Fields are compared only if both versions captured them in the same form.';
comment on column raw._field_set.field_set_id is 'The number that _fields of raw.* refers to.';
comment on column raw._field_set.object is 'API name of the object.';
comment on column raw._field_set.fields is 'Names of the captured fields, sorted.';
comment on column raw._field_set.forms is 'Form of the values of each field: text, number with its scale, boolean, date or datetime.';

create table raw._line_set (
    line_object varchar not null,
    record_id   varchar not null,
    version_id  bigint not null);
comment on table raw._line_set is 'One row per record that changed, or whose lines did, until its lines have been read as a set; and per record that was merged away, until those that referred to it have been read again.';
comment on column raw._line_set.line_object is 'API name of the object of the lines; Object.Field of those that referred to a record that was merged away.';
comment on column raw._line_set.record_id is 'Id of the record that the lines belong to, or that was merged away.';
comment on column raw._line_set.version_id is 'The newest version that asks for the reading.';
create table raw._forgotten (
    object       varchar not null,
    field        varchar not null,
    Id           varchar not null,
    forgotten_at timestamptz not null);
comment on table raw._forgotten is 'Records that were forgotten on request. Rows that name them are captured without values, and make no changes.';
comment on column raw._forgotten.object is 'API name of the object whose rows are meant: the record''s own, or that of its history or its lines.';
comment on column raw._forgotten.field is 'The field by which a row names the record: Id, or the one that refers to it.';
comment on column raw._forgotten.Id is 'Id of the forgotten record, 18 characters.';
comment on column raw._forgotten.forgotten_at is 'When. UTC.';

create sequence audit.extraction_id;
create table audit.extraction (
    extraction_id     bigint not null default nextval('audit.extraction_id'),
    cycle_id          varchar not null,
    object            varchar not null,
    method            varchar not null,
    purpose           varchar not null,
    window_after      timestamptz,
    window_until      timestamptz not null,
    cursor            timestamptz not null,
    is_first_load     boolean not null,
    rows_read         bigint not null,
    versions_written  bigint not null,
    deletes_seen      bigint not null,
    latest_date_covered timestamptz,
    open_since        timestamptz,
    api_calls         integer not null,
    quota_used        integer,
    quota_max         integer,
    fields_missing    varchar[] not null,
    fields_added      varchar[] not null,
    run_id            varchar not null,
    started_at        timestamptz not null,
    finished_at       timestamptz not null,
    ids_missing       bigint,
    is_plausible      boolean,
    sums_differ       bigint,
    bulk_job          varchar,
    bulk_locator      varchar);
comment on table audit.extraction is 'Append-only. One row per object and piece read from Salesforce, committed together with its rows.';
comment on column audit.extraction.extraction_id is 'Number of the row, growing.';
comment on column audit.extraction.cycle_id is 'The cycle: all its objects share one upper bound. A person''s reread beside the cycles has one of its own that starts with reread.';
comment on column audit.extraction.object is 'API name of the object.';
comment on column audit.extraction.method is 'rest or bulk.';
comment on column audit.extraction.purpose is 'window (what is new), full (a new field, or a schedule for formula fields), reread (a person asked: the first row of its cycle_id names the whole stretch, the others its parts), reread_end (all of that is read), lines (the lines of records that changed), records (those whose lines do not add up, or that referred to one that was merged away), proof (records that seem to be gone, looked up by Id) or sweep (all Ids).';
comment on column audit.extraction.window_after is 'Lower bound of the window, included; null: from the beginning. A run that goes on with a window that was broken off names the bound of that one.';
comment on column audit.extraction.window_until is 'Upper bound, excluded. A cycle''s window takes what was created before it, as it is when it is read, and all rows of history since its beginning; the bound is Salesforce''s clock less capture.lag. A reread takes what was last changed before it.';
comment on column audit.extraction.cursor is 'Where the next window of the object starts, before overlap. Never moves back.';
comment on column audit.extraction.is_first_load is 'True for the windows of the object''s first load: a baseline.';
comment on column audit.extraction.rows_read is 'Rows that Salesforce returned, overlap included.';
comment on column audit.extraction.versions_written is 'Record versions not seen before.';
comment on column audit.extraction.deletes_seen is 'Ids that getDeleted named and that were not known to be deleted.';
comment on column audit.extraction.latest_date_covered is 'getDeleted''s own watermark: the next question starts there.';
comment on column audit.extraction.open_since is 'Of a window: since when transactions may have been open while it was read, as getDeleted told. The next window reaches back to it where that is longer than the overlap.';
comment on column audit.extraction.api_calls is 'Requests made for this row.';
comment on column audit.extraction.quota_used is 'Requests of the org in 24 hours as Salesforce said last.';
comment on column audit.extraction.quota_max is 'Limit of the org in 24 hours.';
comment on column audit.extraction.fields_missing is 'Configured fields that describe does not list: removed, or hidden from the integration user.';
comment on column audit.extraction.fields_added is 'Fields captured for the first time; the object was read in full for them.';
comment on column audit.extraction.run_id is 'The Dagster run.';
comment on column audit.extraction.started_at is 'When reading began.';
comment on column audit.extraction.finished_at is 'When the rows were committed.';
comment on column audit.extraction.ids_missing is 'Of a sweep: living records that Salesforce did not list. Null for other purposes.';
comment on column audit.extraction.is_plausible is 'Of a sweep: false where it misses so many that a permission was probably lost; then nothing is marked.';
comment on column audit.extraction.sums_differ is 'Of lines: records whose amount is not the sum of their lines although both were read again. Null for other purposes.';
comment on column audit.extraction.bulk_job is 'Id of the bulk job that the rows came from; null: by REST.';
comment on column audit.extraction.bulk_locator is 'Where the next page of that job is: a run that was killed goes on there; null in words: it was the last one.';

create sequence audit.erasure_id;
create table audit.erasure (
    erasure_id  bigint not null default nextval('audit.erasure_id'),
    object      varchar not null,
    Id          varchar not null,
    reason      varchar not null,
    said_by     varchar not null,
    asked_at    timestamptz not null,
    finished_at timestamptz,
    rows        map(varchar, bigint) not null,
    files       varchar[] not null);
comment on table audit.erasure is 'One row per record that was forgotten on request: the receipt.';
comment on column audit.erasure.erasure_id is 'Number of the receipt, growing.';
comment on column audit.erasure.object is 'API name of the object.';
comment on column audit.erasure.Id is 'Id of the record, 18 characters.';
comment on column audit.erasure.reason is 'Why, in the person''s words.';
comment on column audit.erasure.said_by is 'Who asked for it.';
comment on column audit.erasure.asked_at is 'When it began. UTC.';
comment on column audit.erasure.finished_at is 'When no file of ours held the values any more; null: it was interrupted, ask for it again. UTC.';
comment on column audit.erasure.rows is 'Rows of the warehouse whose values were erased, by table.';
comment on column audit.erasure.files is 'Names of the files that were written anew, and of those that were removed.';

create table audit.retention (
    applied_at timestamptz not null,
    run_id     varchar not null,
    rows       map(varchar, bigint) not null,
    files      varchar[] not null);
comment on table audit.retention is 'Append-only. One row each time that what is older than retention in pipeline.yaml was erased.';
comment on column audit.retention.applied_at is 'When. UTC.';
comment on column audit.retention.run_id is 'The Dagster run.';
comment on column audit.retention.rows is 'Rows whose values were erased, by table.';
comment on column audit.retention.files is 'Names of the backups that were removed.';

create sequence audit.drift_id;
create table audit.drift (
    drift_id bigint not null default nextval('audit.drift_id'),
    seen_at  timestamptz not null,
    cycle_id varchar not null,
    object   varchar not null,
    field    varchar,
    kind     varchar not null,
    before   varchar,
    after    varchar,
    said     varchar not null);
comment on table audit.drift is 'Append-only. One row per change of an object''s definition in Salesforce since it is captured.';
comment on column audit.drift.drift_id is 'Number of the row, growing.';
comment on column audit.drift.seen_at is 'When we saw it. UTC.';
comment on column audit.drift.cycle_id is 'The cycle that saw it, or the reread.';
comment on column audit.drift.object is 'API name of the object.';
comment on column audit.drift.field is 'API name of the field; null: the object itself.';
comment on column audit.drift.kind is 'added, gone, back, type, scale, precision, length, formula, object_gone or object_back.';
comment on column audit.drift.before is 'What it was: a type, a length ...';
comment on column audit.drift.after is 'What it is.';
comment on column audit.drift.said is 'What that means here, in a sentence.';

-- changes ------------------------------------------------------------------------------------------------------------

create table changes.cursor (
    object     varchar not null,
    version_id bigint not null);
comment on table changes.cursor is 'How far the versions of each object have been compared.';
comment on column changes.cursor.object is 'API name of the object.';
comment on column changes.cursor.version_id is 'Newest version that has been compared.';

create sequence changes.change_id;
create table changes.change (
    change_id           bigint not null default nextval('changes.change_id'),
    object              varchar not null,
    Id                  varchar not null,
    kind                varchar not null,
    fields              varchar[] not null,
    before              map(varchar, varchar),
    after               map(varchar, varchar),
    version_id          bigint,
    previous_version_id bigint,
    history_id          varchar,
    previous_history_id varchar,
    occurred_at         timestamptz not null,
    detected_at         timestamptz not null,
    cycle_id            varchar not null);
comment on table changes.change is 'Append-only. One row per change: a difference of values between two versions of a record, or a passage told by its history.';
comment on column changes.change.change_id is 'Number of the change, growing.';
comment on column changes.change.object is 'API name of the object.';
comment on column changes.change.Id is 'Id of the record, 18 characters.';
comment on column changes.change.kind is 'baseline, created, updated, deleted, undeleted, merged, converted, appeared, items, history, refund: another record refunds it, or no longer does; or requested: no change of the record, but a person''s wish to take back what was reported of it.';
comment on column changes.change.fields is 'Names of the fields that differ.';
comment on column changes.change.before is 'private: values before, by field, as text.';
comment on column changes.change.after is 'private: values after, by field, as text.';
comment on column changes.change.version_id is 'The version it led to; for history, items and requested: the newest one at that time.';
comment on column changes.change.previous_version_id is 'The version it was compared with.';
comment on column changes.change.history_id is 'For kind history: Id of the history row that tells the passage.';
comment on column changes.change.previous_history_id is 'For kind history: the history row before it.';
comment on column changes.change.occurred_at is 'Time of its own: the history row''s, else the record''s LastModifiedDate or CreatedDate. UTC.';
comment on column changes.change.detected_at is 'When it was found. UTC.';
comment on column changes.change.cycle_id is 'The cycle that found it.';

-- conversions --------------------------------------------------------------------------------------------------------

create table conversions.cursor (
    object    varchar not null,
    change_id bigint not null);
comment on table conversions.cursor is 'How far the changes of each object have been answered.';
comment on column conversions.cursor.object is 'API name of the object.';
comment on column conversions.cursor.change_id is 'All changes of the object up to this one, of whichever object, have an answer for every event.';

create table conversions.config (
    config_hash   varchar not null,
    config        varchar not null,
    first_used_at timestamptz not null);
comment on table conversions.config is 'Every configuration that made a decision, by its hash.';
comment on column conversions.config.config_hash is 'SHA-256 over the canonical content.';
comment on column conversions.config.config is 'The content as JSON.';
comment on column conversions.config.first_used_at is 'When it was first used.';

create table conversions.customer (
    object     varchar not null,
    Id         varchar not null,
    CustomerId varchar not null,
    event_id   varchar not null,
    pinned_at  timestamptz not null);
comment on table conversions.customer is 'The CustomerId that was first sent for a record. It holds for the record and for all linked to it by conversion or merge.';
comment on column conversions.customer.object is 'API name of the object.';
comment on column conversions.customer.Id is 'Id of the record.';
comment on column conversions.customer.CustomerId is 'The pinned value.';
comment on column conversions.customer.event_id is 'The event that pinned it.';
comment on column conversions.customer.pinned_at is 'When. UTC.';

create sequence conversions.decision_id;
create table conversions.decision (
    decision_id   bigint not null default nextval('conversions.decision_id'),
    change_id     bigint not null,
    object        varchar not null,
    Id            varchar not null,
    event         varchar not null,
    decision      varchar not null,
    reason        varchar not null,
    detail        varchar,
    event_key     varchar,
    event_id      varchar,
    entry         integer,
    carries       boolean not null,
    event_at      timestamptz,
    EventTypeCode varchar,
    OrderId       varchar,
    CurrencyCode  varchar,
    amount        decimal(18, 2),
    cut           varchar[],
    config_hash   varchar not null,
    cycle_id      varchar not null,
    run_id        varchar not null,
    decided_by    varchar,
    decided_at    timestamptz not null,
    previous_decision_id bigint);
comment on table conversions.decision is 'Append-only. What became of a change for an event, and each change of mind: send, correct, hold or skip, with a reason code of a closed list.';
comment on column conversions.decision.decision_id is 'Number of the decision, growing.';
comment on column conversions.decision.change_id is 'The change in changes.change.';
comment on column conversions.decision.object is 'API name of the object.';
comment on column conversions.decision.Id is 'Id of the record.';
comment on column conversions.decision.event is 'Name of the event in the object''s file.';
comment on column conversions.decision.decision is 'send, correct, hold or skip.';
comment on column conversions.decision.reason is 'Code from the closed list.';
comment on column conversions.decision.detail is 'What the code does not say: the parameter, the rule, the other record. Never a value of the record.';
comment on column conversions.decision.event_key is 'Identity of the business event but for its entry number: hash of org, object, Id, event and the values of once_per.';
comment on column conversions.decision.event_id is 'Identity of the business event: event_key and entry number.';
comment on column conversions.decision.entry is '1 for the first time, 2 for the next entry after a reversal ...';
comment on column conversions.decision.carries is 'True on the one decision that stands for the event: sent, held, or registered as reported at go-live.';
comment on column conversions.decision.event_at is 'When the event happened. UTC.';
comment on column conversions.decision.EventTypeCode is 'Event type code that the mapping gave.';
comment on column conversions.decision.OrderId is 'OrderId that the mapping gave; null when it could not, or when it was refused as personal data.';
comment on column conversions.decision.CurrencyCode is 'Currency of the amount.';
comment on column conversions.decision.amount is 'Money at stake: sum of the items, or the order amount; null for none.';
comment on column conversions.decision.cut is 'What had to be fitted, by parameter name: free texts cut at their limit, a quantity rounded up to whole units.';
comment on column conversions.decision.config_hash is 'The configuration that decided.';
comment on column conversions.decision.cycle_id is 'The cycle that decided.';
comment on column conversions.decision.run_id is 'The Dagster run that decided.';
comment on column conversions.decision.decided_by is 'The person, where a person decided.';
comment on column conversions.decision.decided_at is 'When. UTC.';
comment on column conversions.decision.previous_decision_id is 'The decision on the same change and event whose place it takes; null for the first.';

create view conversions.current_decision as
select d.*
  from conversions.decision as d
  anti join (select previous_decision_id
               from conversions.decision
              where previous_decision_id is not null) as n on n.previous_decision_id = d.decision_id;
comment on view conversions.current_decision is 'The newest decision per change and event; columns as in conversions.decision.';
comment on column conversions.current_decision.decision_id is 'Number of the decision, growing.';
comment on column conversions.current_decision.change_id is 'The change in changes.change.';
comment on column conversions.current_decision.object is 'API name of the object.';
comment on column conversions.current_decision.Id is 'Id of the record.';
comment on column conversions.current_decision.event is 'Name of the event in the object''s file.';
comment on column conversions.current_decision.decision is 'send, correct, hold or skip.';
comment on column conversions.current_decision.reason is 'Code from the closed list.';
comment on column conversions.current_decision.detail is 'What the code does not say: the parameter, the rule, the other record. Never a value of the record.';
comment on column conversions.current_decision.event_key is 'Identity of the business event but for its entry number: hash of org, object, Id, event and the values of once_per.';
comment on column conversions.current_decision.event_id is 'Identity of the business event: event_key and entry number.';
comment on column conversions.current_decision.entry is '1 for the first time, 2 for the next entry after a reversal ...';
comment on column conversions.current_decision.carries is 'True on the one decision that stands for the event: sent, held, or registered as reported at go-live.';
comment on column conversions.current_decision.event_at is 'When the event happened. UTC.';
comment on column conversions.current_decision.EventTypeCode is 'Event type code that the mapping gave.';
comment on column conversions.current_decision.OrderId is 'OrderId that the mapping gave; null when it could not, or when it was refused as personal data.';
comment on column conversions.current_decision.CurrencyCode is 'Currency of the amount.';
comment on column conversions.current_decision.amount is 'Money at stake: sum of the items, or the order amount; null for none.';
comment on column conversions.current_decision.cut is 'What had to be fitted, by parameter name: free texts cut at their limit, a quantity rounded up to whole units.';
comment on column conversions.current_decision.config_hash is 'The configuration that decided.';
comment on column conversions.current_decision.cycle_id is 'The cycle that decided.';
comment on column conversions.current_decision.run_id is 'The Dagster run that decided.';
comment on column conversions.current_decision.decided_by is 'The person, where a person decided.';
comment on column conversions.current_decision.decided_at is 'When. UTC.';
comment on column conversions.current_decision.previous_decision_id is 'The decision on the same change and event whose place it took; null for the first.';

create table conversions.open_decision (
    decision_id bigint not null,
    change_id   bigint not null,
    object      varchar not null,
    event       varchar not null,
    decision    varchar not null,
    event_id    varchar);
comment on table conversions.open_decision is 'The current decisions that every cycle looks at again: what is held, and what is to be sent as long as nothing of it has left.';
comment on column conversions.open_decision.decision_id is 'The decision in conversions.decision.';
comment on column conversions.open_decision.change_id is 'The change that it is about.';
comment on column conversions.open_decision.object is 'API name of the object.';
comment on column conversions.open_decision.event is 'Name of the event in the object''s file.';
comment on column conversions.open_decision.decision is 'hold or send.';
comment on column conversions.open_decision.event_id is 'Identity of the business event.';

create table conversions.conversion (
    event_id     varchar not null,
    change_id    bigint not null,
    object       varchar not null,
    Id           varchar not null,
    event        varchar not null,
    type_kind    varchar not null,
    event_at     timestamptz not null,
    amount       decimal(18, 2),
    item_count   integer not null,
    config_hash  varchar not null,
    mapped_at    timestamptz not null,
    content_md5  varchar,
    CampaignId varchar, ActionTrackerId varchar, EventTypeCode varchar, EventDate varchar, OrderId varchar,
    ClickId varchar, CustomerId varchar, CurrencyCode varchar, CustomerStatus varchar);
comment on table conversions.conversion is 'One row per event to be sent: the parameters in impact.com''s names, as text exactly as they leave. A mapping that uses more parameters adds their columns.';
comment on column conversions.conversion.event_id is 'Identity of the business event.';
comment on column conversions.conversion.change_id is 'The change that carries it.';
comment on column conversions.conversion.object is 'API name of the object.';
comment on column conversions.conversion.Id is 'Id of the record.';
comment on column conversions.conversion.event is 'Name of the event in the object''s file.';
comment on column conversions.conversion.type_kind is 'lead or sale, as the event type is declared.';
comment on column conversions.conversion.event_at is 'When the event happened. UTC.';
comment on column conversions.conversion.amount is 'Money in it: sum of the items, or the order amount; null for none.';
comment on column conversions.conversion.item_count is 'Rows in conversions.item.';
comment on column conversions.conversion.config_hash is 'The configuration that mapped it.';
comment on column conversions.conversion.mapped_at is 'When it was mapped last; after the first intent it stays as it is. UTC.';
comment on column conversions.conversion.content_md5 is 'Digest of all parameters and items: tells whether a newer mapping differs.';
comment on column conversions.conversion.CampaignId is 'Program.';
comment on column conversions.conversion.ActionTrackerId is 'Id of the event type in impact.com (not sent beside EventTypeCode).';
comment on column conversions.conversion.EventTypeCode is 'Code of the event type.';
comment on column conversions.conversion.EventDate is 'Time of the event as sent.';
comment on column conversions.conversion.OrderId is 'Our id of the conversion, unique per event type.';
comment on column conversions.conversion.ClickId is 'impact.com''s click id.';
comment on column conversions.conversion.CustomerId is 'Stable id of the customer; chains lead, opportunity and sale.';
comment on column conversions.conversion.CurrencyCode is 'ISO 4217 code.';
comment on column conversions.conversion.CustomerStatus is 'Status of the customer, such as NEW.';

create table conversions.item (
    event_id    varchar not null,
    item_number integer not null,
    amount      decimal(18, 2),
    ItemSku varchar, ItemName varchar, ItemCategory varchar, ItemQuantity varchar, ItemSubTotal varchar);
comment on table conversions.item is 'The items of a conversion, numbered from 1; parameters as text exactly as they leave, without their number.';
comment on column conversions.item.event_id is 'The conversion.';
comment on column conversions.item.item_number is 'The index in ItemSku1, ItemSku2 ...';
comment on column conversions.item.amount is 'Money of the item.';
comment on column conversions.item.ItemSku is 'Product code, unique within the conversion.';
comment on column conversions.item.ItemName is 'Product name.';
comment on column conversions.item.ItemCategory is 'Category; payout rules may depend on it.';
comment on column conversions.item.ItemQuantity is 'Whole number.';
comment on column conversions.item.ItemSubTotal is 'Line total.';

create table conversions.covered (
    event_id               varchar not null,
    change_id              bigint not null,
    object                 varchar not null,
    Id                     varchar not null,
    event                  varchar not null,
    event_at               timestamptz not null,
    week                   date not null,
    has_click_id           boolean not null,
    has_customer_id        boolean not null,
    has_linked_customer_id boolean not null,
    has_product_codes      boolean,
    has_currency           boolean,
    CurrencyCode           varchar,
    amount                 decimal(18, 2));
comment on table conversions.covered is 'One row per event that was sent or is held: what leads from it to a partner, and what it is worth. As it was decided last.';
comment on column conversions.covered.event_id is 'Identity of the business event.';
comment on column conversions.covered.change_id is 'The change that carries it.';
comment on column conversions.covered.object is 'API name of the object.';
comment on column conversions.covered.Id is 'Id of the record.';
comment on column conversions.covered.event is 'Name of the event in the object''s file.';
comment on column conversions.covered.event_at is 'When the event happened. UTC.';
comment on column conversions.covered.week is 'Monday of its week in the program''s time zone.';
comment on column conversions.covered.has_click_id is 'Whether the mapping found a click id.';
comment on column conversions.covered.has_customer_id is 'Whether the mapping found a CustomerId.';
comment on column conversions.covered.has_linked_customer_id is 'Whether that is another one than the record''s own Id: the brand''s, or that of the lead or contact before it.';
comment on column conversions.covered.has_product_codes is 'Whether there are lines, and a product code on each; null for events that are told without items.';
comment on column conversions.covered.has_currency is 'Whether its money has a currency; null without money.';
comment on column conversions.covered.CurrencyCode is 'Currency of the amount.';
comment on column conversions.covered.amount is 'Money in it: sum of the items, or the order amount; null for none.';

create view conversions.coverage as
select object, event, week, CurrencyCode,
       count(*)::bigint as events,
       count_if(has_click_id)::bigint as with_click_id,
       count_if(has_customer_id)::bigint as with_customer_id,
       count_if(has_linked_customer_id)::bigint as with_linked_customer_id,
       count_if(has_product_codes)::bigint as with_product_codes,
       count_if(has_product_codes is not null)::bigint as told_by_items,
       count_if(has_currency)::bigint as with_currency,
       count_if(has_currency is not null)::bigint as with_money,
       sum(amount)::decimal(38, 2) as amount,
       coalesce(sum(amount) filter (not has_click_id), 0)::decimal(38, 2) as amount_without_click_id,
       coalesce(sum(amount) filter (not has_click_id and not has_linked_customer_id), 0)::decimal(38, 2) as amount_at_stake
  from conversions.covered
 group by all;
comment on view conversions.coverage is 'How many events lead to a partner, and the money at stake: by object, event, week and currency, over all that was sent or is held.';
comment on column conversions.coverage.object is 'API name of the object.';
comment on column conversions.coverage.event is 'Name of the event in the object''s file.';
comment on column conversions.coverage.week is 'Monday of the week in which the events happened, in the program''s time zone.';
comment on column conversions.coverage.CurrencyCode is 'Currency of the amounts; null without any.';
comment on column conversions.coverage.events is 'Events that were sent or are held.';
comment on column conversions.coverage.with_click_id is 'Of them those with a click id.';
comment on column conversions.coverage.with_customer_id is 'Of them those with a CustomerId.';
comment on column conversions.coverage.with_linked_customer_id is 'Of them those whose CustomerId is another one than the record''s own Id.';
comment on column conversions.coverage.with_product_codes is 'Of those that are told by items those with lines that all have a product code.';
comment on column conversions.coverage.told_by_items is 'Of them those that are told by items.';
comment on column conversions.coverage.with_currency is 'Of those with money those with a currency.';
comment on column conversions.coverage.with_money is 'Of them those with money.';
comment on column conversions.coverage.amount is 'Their money.';
comment on column conversions.coverage.amount_without_click_id is 'Money of those without a click id.';
comment on column conversions.coverage.amount_at_stake is 'Money of those that have neither a click id nor a CustomerId from elsewhere than the record: nobody is likely to be credited for it.';

create table conversions.wanted (
    event_id   varchar not null,
    state      varchar not null,
    code       varchar,
    amount     decimal(18, 2),
    items      struct(ItemSku varchar, ItemQuantity varchar, ItemSubTotal varchar)[],
    CustomerStatus varchar,
    approval   varchar,
    change_id  bigint not null,
    wanted_at  timestamptz not null);
comment on table conversions.wanted is 'What impact.com should show for a reported event after later changes: absolute values. One row per event that was corrected.';
comment on column conversions.wanted.event_id is 'The reported event.';
comment on column conversions.wanted.state is 'live or reversed.';
comment on column conversions.wanted.code is 'Reason or disposition code to send with it.';
comment on column conversions.wanted.amount is 'Wanted total; of a reversed one the last total, in case it comes back. Null with items: as it was sent.';
comment on column conversions.wanted.items is 'Wanted quantity and subtotal per SKU; an item that is gone has quantity 0.';
comment on column conversions.wanted.CustomerStatus is 'Wanted status of the customer; null where it is the one that was sent.';
comment on column conversions.wanted.approval is 'Disposition code that approves the action, once the rule for it was met; null before.';
comment on column conversions.wanted.change_id is 'The change that asked for it.';
comment on column conversions.wanted.wanted_at is 'When it was last changed. UTC.';

create table conversions.wanted_before (
    event_id   varchar not null,
    state      varchar,
    code       varchar,
    amount     decimal(18, 2),
    items      struct(ItemSku varchar, ItemQuantity varchar, ItemSubTotal varchar)[],
    CustomerStatus varchar,
    approval   varchar,
    change_id  bigint,
    wanted_at  timestamptz);
comment on table conversions.wanted_before is 'The rows of conversions.wanted that the cycle under way has replaced, in case a guard holds it back. Empty between cycles.';
comment on column conversions.wanted_before.event_id is 'As in conversions.wanted.';
comment on column conversions.wanted_before.state is 'As in conversions.wanted; null: nothing was wanted.';
comment on column conversions.wanted_before.code is 'As in conversions.wanted.';
comment on column conversions.wanted_before.amount is 'As in conversions.wanted.';
comment on column conversions.wanted_before.items is 'As in conversions.wanted.';
comment on column conversions.wanted_before.CustomerStatus is 'As in conversions.wanted.';
comment on column conversions.wanted_before.approval is 'As in conversions.wanted.';
comment on column conversions.wanted_before.change_id is 'As in conversions.wanted.';
comment on column conversions.wanted_before.wanted_at is 'As in conversions.wanted.';

create table conversions.under_way (
    decision_id bigint not null,
    began_at    timestamptz not null);
comment on table conversions.under_way is 'One row while a cycle decides, which may take several transactions; nothing follows from its decisions before the guards have weighed all of them. A cycle that was killed leaves the row, and the next one goes on from there. Empty between cycles.';
comment on column conversions.under_way.decision_id is 'The newest decision before that cycle.';
comment on column conversions.under_way.began_at is 'When it began. UTC.';

create sequence conversions.word_id;
create table conversions.word (
    word_id   bigint not null default nextval('conversions.word_id'),
    word      varchar not null,
    object    varchar not null,
    Id        varchar,
    change_id bigint,
    event     varchar,
    event_id  varchar,
    code      varchar,
    subject   varchar,
    reason    varchar not null,
    said_by   varchar not null,
    said_at   timestamptz not null);
comment on table conversions.word is 'Append-only. What a person said about one decision, or accepted of what a guard holds. Decisions follow it in the next cycle; what is held or dismissed does not leave from that moment on.';
comment on column conversions.word.word_id is 'Number of the word, growing.';
comment on column conversions.word.word is 'hold, release, dismiss, reverse or accept.';
comment on column conversions.word.object is 'API name of the object.';
comment on column conversions.word.Id is 'Id of the record; null where it is about no single one.';
comment on column conversions.word.change_id is 'The change whose decision it is about; of reverse: the change that it makes, of kind requested.';
comment on column conversions.word.event is 'Name of the event in the object''s file.';
comment on column conversions.word.event_id is 'Identity of the business event.';
comment on column conversions.word.code is 'Of reverse: impact.com''s disposition code.';
comment on column conversions.word.subject is 'Of accept: what was accepted, as a hash. It no longer holds for what has changed since.';
comment on column conversions.word.reason is 'Why, in the person''s words.';
comment on column conversions.word.said_by is 'Who said it.';
comment on column conversions.word.said_at is 'When. UTC.';

create view conversions.current_word as
select * from conversions.word
 where change_id is not null
   and word <> 'reverse'
qualify row_number() over (partition by change_id, event order by word_id desc) = 1;
comment on view conversions.current_word is 'The word that is in force for a decision: the newest one about it.';

-- outbox -------------------------------------------------------------------------------------------------------------

create sequence outbox.request_id;
create table outbox.request (
    request_id      bigint not null default nextval('outbox.request_id'),
    Type            varchar not null,
    event_id        varchar not null,
    object          varchar not null,
    Id              varchar not null,
    event           varchar not null,
    CampaignId      varchar not null,
    ActionTrackerId varchar not null,
    EventTypeCode   varchar not null,
    OrderId         varchar not null,
    CustomerId      varchar,
    has_click_id    boolean not null,
    EventDate       varchar,
    event_at        timestamptz not null,
    CurrencyCode    varchar,
    amount          decimal(18, 2),
    item_count      integer not null,
    payload         varchar,
    payload_sha256  varchar,
    content_md5     varchar,
    config_hash     varchar not null,
    state           varchar not null,
    outcome         varchar,
    reason          varchar,
    wait            varchar,
    due_at          timestamptz not null,
    needs_person    boolean not null default false,
    attempt_count   integer not null default 0,
    lease_token     bigint,
    group_id        varchar,
    run_id          varchar,
    submission_id   varchar,
    action_id       varchar,
    created_at      timestamptz not null,
    intended_at     timestamptz,
    accepted_at     timestamptz,
    settled_at      timestamptz,
    next_look_at    timestamptz);
comment on table outbox.request is 'Current state of everything to send or sent to impact.com. Its history is audit.transition.';
comment on column outbox.request.request_id is 'Number of the request, growing.';
comment on column outbox.request.Type is 'Conversion, Modification, Reversal or Approval.';
comment on column outbox.request.event_id is 'Identity of the business event; one live Conversion per event.';
comment on column outbox.request.object is 'API name of the object.';
comment on column outbox.request.Id is 'Id of the record.';
comment on column outbox.request.event is 'Name of the event in the object''s file.';
comment on column outbox.request.CampaignId is 'Program.';
comment on column outbox.request.ActionTrackerId is 'Id of the event type.';
comment on column outbox.request.EventTypeCode is 'Code of the event type.';
comment on column outbox.request.OrderId is 'Our id of the conversion. The key is (CampaignId, ActionTrackerId, OrderId).';
comment on column outbox.request.CustomerId is 'Stable id of the customer; orders parents before children.';
comment on column outbox.request.has_click_id is 'Whether it carries a click id of its own.';
comment on column outbox.request.EventDate is 'Time of the event as sent.';
comment on column outbox.request.event_at is 'When the event happened. UTC.';
comment on column outbox.request.CurrencyCode is 'Currency of the amount.';
comment on column outbox.request.amount is 'Money in it.';
comment on column outbox.request.item_count is 'Number of items in it.';
comment on column outbox.request.payload is 'private: the exact body; frozen at the first intent, until it is known that nothing of it arrived and it was taken back.';
comment on column outbox.request.payload_sha256 is 'SHA-256 of the body, hex.';
comment on column outbox.request.content_md5 is 'Of a Conversion: the digest in conversions.conversion from which the payload was made.';
comment on column outbox.request.config_hash is 'The configuration that mapped it.';
comment on column outbox.request.state is 'ready, intended, accepted, settled, in_doubt, refused or withdrawn.';
comment on column outbox.request.outcome is 'Of settled ones: credited, not_credited, already_there, rejected, no_trace or end_unknown.';
comment on column outbox.request.reason is 'impact.com''s reason codes, or why it was refused or withdrawn.';
comment on column outbox.request.wait is 'Why a ready request is not due yet: awaiting_parent, first_of_type, rate_limited ...';
comment on column outbox.request.due_at is 'Not sent before. UTC.';
comment on column outbox.request.needs_person is 'True when reading cannot settle it.';
comment on column outbox.request.attempt_count is 'HTTP requests made for it.';
comment on column outbox.request.lease_token is 'Fencing token of the lease under which it was intended.';
comment on column outbox.request.group_id is 'The group it was intended with: that of a run, or the name of a file.';
comment on column outbox.request.run_id is 'The Dagster run that moved it last.';
comment on column outbox.request.submission_id is 'BatchId of impact.com''s submission record.';
comment on column outbox.request.action_id is 'impact.com''s action.';
comment on column outbox.request.created_at is 'When it was queued. UTC.';
comment on column outbox.request.intended_at is 'When the newest intent was committed. UTC. Null again where nothing of it arrived and it was taken back.';
comment on column outbox.request.accepted_at is 'When impact.com answered QUEUED. UTC.';
comment on column outbox.request.settled_at is 'When its end was known. UTC.';
comment on column outbox.request.next_look_at is 'When its submission is looked at next. UTC.';

create table outbox.lease (
    lane       varchar not null,
    run_id     varchar,
    token      bigint not null,
    renewed_at timestamptz,
    expires_at timestamptz);
comment on table outbox.lease is 'One row per lane: who may act.';
comment on column outbox.lease.lane is 'capture, reread, submit or confirm.';
comment on column outbox.lease.run_id is 'The run that holds it; null: nobody.';
comment on column outbox.lease.token is 'Grows by one with every take-over; a run with an older token can not write.';
comment on column outbox.lease.renewed_at is 'When it was taken or renewed. UTC.';
comment on column outbox.lease.expires_at is 'After this anybody may take it. UTC.';
insert into outbox.lease (lane, token) values ('capture', 0), ('reread', 0), ('submit', 0), ('confirm', 0);

create table outbox.queue_cursor (
    decision_id bigint not null);
comment on table outbox.queue_cursor is 'One row: how far the outbox has taken decisions up. A newer one is between two commits of a cycle, and not missing.';
comment on column outbox.queue_cursor.decision_id is 'The newest decision that it has taken up.';
insert into outbox.queue_cursor values (0);

create sequence outbox.file_id;
create table outbox.file (
    file_id           bigint not null default nextval('outbox.file_id'),
    name              varchar not null,
    state             varchar not null,
    sha256            varchar not null,
    byte_count        bigint not null,
    line_count        bigint not null,
    conversion_count  bigint not null,
    parameters        map(varchar, bigint) not null default map {},
    run_id            varchar not null,
    created_at        timestamptz not null,
    uploaded_at       timestamptz,
    missing_since     timestamptz,
    BatchId           varchar,
    Status            varchar,
    TotalRecords      bigint,
    TotalErrors       bigint,
    unmatched_errors  bigint,
    SubmissionDate    timestamptz,
    CompletionDate    timestamptz);
comment on table outbox.file is 'Files of conversions for impact.com''s file submission: one row per file. Its conversions are the requests whose group_id is its name.';
comment on column outbox.file.file_id is 'Number of the file, growing.';
comment on column outbox.file.name is 'Name under which it was, or is, uploaded.';
comment on column outbox.file.state is 'intended (it may have been uploaded), uploaded, taken (impact.com lists it), settled (its end is known row by row) or absent (it never arrived; its conversions are ready again).';
comment on column outbox.file.sha256 is 'SHA-256 of its bytes, hex.';
comment on column outbox.file.byte_count is 'Its bytes.';
comment on column outbox.file.line_count is 'Its lines without the header: one per item.';
comment on column outbox.file.conversion_count is 'Conversions in it.';
comment on column outbox.file.parameters is 'Its columns, each with the number of conversions that have a value in it.';
comment on column outbox.file.run_id is 'The run that made it.';
comment on column outbox.file.created_at is 'When the intent to upload it was committed. UTC.';
comment on column outbox.file.uploaded_at is 'When it was known to be there. UTC.';
comment on column outbox.file.missing_since is 'Since when the folder is known not to hold it, by a look after which the upload can not take effect any more; an upload whose end is unknown. UTC.';
comment on column outbox.file.BatchId is 'impact.com''s number of the file submission.';
comment on column outbox.file.Status is 'Its status there, verbatim.';
comment on column outbox.file.TotalRecords is 'Records that impact.com counted.';
comment on column outbox.file.TotalErrors is 'Errors that impact.com counted.';
comment on column outbox.file.unmatched_errors is 'Errors that name no conversion of the file; while there are any, only actions settle its conversions.';
comment on column outbox.file.SubmissionDate is 'When impact.com took it. UTC.';
comment on column outbox.file.CompletionDate is 'When impact.com had processed it. UTC.';

create sequence audit.transition_id;
create table audit.transition (
    transition_id bigint not null default nextval('audit.transition_id'),
    request_id    bigint not null,
    from_state    varchar,
    to_state      varchar not null,
    outcome       varchar,
    reason        varchar,
    detail        varchar,
    run_id        varchar not null,
    decided_by    varchar,
    moved_at      timestamptz not null);
comment on table audit.transition is 'Append-only. Each move of a request, why, and by which run.';
comment on column audit.transition.transition_id is 'Number of the move, growing.';
comment on column audit.transition.request_id is 'The request.';
comment on column audit.transition.from_state is 'State before; null when it was queued.';
comment on column audit.transition.to_state is 'State after.';
comment on column audit.transition.outcome is 'Outcome, for settled.';
comment on column audit.transition.reason is 'Why: a verdict, a reason code, a proof.';
comment on column audit.transition.detail is 'More about it; never a value of the record. Where a frozen body may be replaced from now on: body and its SHA-256.';
comment on column audit.transition.run_id is 'The Dagster run.';
comment on column audit.transition.decided_by is 'The person, where a person decided.';
comment on column audit.transition.moved_at is 'When. UTC.';

create sequence audit.attempt_id;
create table audit.attempt (
    attempt_id      bigint not null default nextval('audit.attempt_id'),
    request_id      bigint not null,
    run_id          varchar not null,
    group_id        varchar not null,
    method          varchar not null,
    endpoint        varchar not null,
    payload_sha256  varchar not null,
    masked_payload  varchar not null,
    started_at      timestamptz not null,
    duration_seconds double,
    http_status     integer,
    verdict         varchar not null,
    answer          varchar,
    submission_id   varchar,
    wait_seconds    double);
comment on table audit.attempt is 'Append-only. Each HTTP request that wrote to impact.com, and what came back.';
comment on column audit.attempt.attempt_id is 'Number of the attempt, growing.';
comment on column audit.attempt.request_id is 'The request.';
comment on column audit.attempt.run_id is 'The Dagster run.';
comment on column audit.attempt.group_id is 'The group it was sent with.';
comment on column audit.attempt.method is 'HTTP method.';
comment on column audit.attempt.endpoint is 'Resource without the account: Conversions, Actions.';
comment on column audit.attempt.payload_sha256 is 'SHA-256 of the body that was sent, hex.';
comment on column audit.attempt.masked_payload is 'The names of the parameters; values only of ids, codes, dates and money.';
comment on column audit.attempt.started_at is 'When it was sent. UTC.';
comment on column audit.attempt.duration_seconds is 'How long the answer took.';
comment on column audit.attempt.http_status is 'Status; null when no answer came.';
comment on column audit.attempt.verdict is 'not_sent, accepted, refused, later, in_doubt or stop_lane.';
comment on column audit.attempt.answer is 'private: first 500 characters of the answer, account and token masked; it may quote values that were sent.';
comment on column audit.attempt.submission_id is 'BatchId of the answer.';
comment on column audit.attempt.wait_seconds is 'Wait that the answer asked for.';

create view audit.disclosure as
with
told as (
    select a.run_id, r.object, r.event, a.request_id, r.Id, r.config_hash, r.Type,
           unnest(list_distinct(list_transform(
               string_split(a.masked_payload, '&'),
               lambda piece: regexp_replace(
                   split_part(piece, '=', 1), '^(Item[A-Za-z]+?|Sku|Quantity|Amount)[0-9]+(_[0-9]+)?$', '\1\2')))) as parameter
      from audit.attempt as a
      join outbox.request as r using (request_id)
     where a.verdict <> 'not_sent'),
filed as (
    select run_id, unnest(map_entries(parameters)) as entry
      from outbox.file
     where state <> 'absent')
select run_id, 'request' as way, object, event, Type, config_hash, parameter,
       case parameter when 'CustomerEmail' then 'sha1' else 'clear' end as form,
       count(distinct Id) as record_count
  from told
 where parameter <> ''
 group by all
union all
select run_id, 'file', null, null, 'Conversion', null, entry.key,
       case entry.key when 'CustomerEmail' then 'sha1' else 'clear' end,
       sum(entry.value)::bigint
  from filed
 where entry.value > 0
 group by all;
comment on view audit.disclosure is 'The statement of each run: which parameters of how many records left for impact.com, and in which form.';
comment on column audit.disclosure.run_id is 'The Dagster run that sent them.';
comment on column audit.disclosure.way is 'request or file.';
comment on column audit.disclosure.object is 'API name of the Salesforce object; null for a file.';
comment on column audit.disclosure.event is 'Name of the event in the object''s file; null for a file.';
comment on column audit.disclosure.Type is 'Conversion, Modification, Reversal or Approval.';
comment on column audit.disclosure.config_hash is 'The configuration, in conversions.config: its mapping tells which field a parameter came from. Null for a file.';
comment on column audit.disclosure.parameter is 'impact.com''s parameter; those of items without their number. The columns of a file have names of their own.';
comment on column audit.disclosure.form is 'clear, or sha1: the hash of a trimmed, lower-cased e-mail address.';
comment on column audit.disclosure.record_count is 'Records of which it left; of a file the conversions.';

create table audit.submission (
    submission_id   varchar not null,
    request_id      bigint,
    CampaignId      varchar,
    ActionTrackerId varchar,
    EventCode       varchar,
    OrderId         varchar,
    Type            varchar,
    Status          varchar,
    ErrorType       varchar,
    ErrorReason     varchar,
    SubmissionDate  timestamptz,
    CompletionDate  timestamptz,
    observed_at     timestamptz not null,
    run_id          varchar not null);
comment on table audit.submission is 'Append-only. Each differing observation of impact.com''s queue records; of a processed file one row per conversion in it.';
comment on column audit.submission.submission_id is 'BatchId; for a conversion of a file BatchId and our request, with a slash between.';
comment on column audit.submission.request_id is 'Our request, where known.';
comment on column audit.submission.CampaignId is 'Program.';
comment on column audit.submission.ActionTrackerId is 'Event type.';
comment on column audit.submission.EventCode is 'Event type code.';
comment on column audit.submission.OrderId is 'OrderId.';
comment on column audit.submission.Type is 'Conversion, Modification or Reversal.';
comment on column audit.submission.Status is 'Queued, In Progress or Complete.';
comment on column audit.submission.ErrorType is 'Empty, Validation, Contract Error, or another, verbatim.';
comment on column audit.submission.ErrorReason is 'Reason codes, verbatim.';
comment on column audit.submission.SubmissionDate is 'When impact.com received it. UTC.';
comment on column audit.submission.CompletionDate is 'When impact.com had processed it. UTC.';
comment on column audit.submission.observed_at is 'When we saw it so. UTC.';
comment on column audit.submission.run_id is 'The Dagster run.';

create table audit.action (
    action_id       varchar not null,
    CampaignId      varchar,
    ActionTrackerId varchar,
    Oid             varchar,
    State           varchar,
    Amount          decimal(18, 2),
    Payout          decimal(18, 2),
    Currency        varchar,
    MediaPartnerId  varchar,
    MediaPartnerName varchar,
    CustomerId      varchar,
    CustomerStatus  varchar,
    EventDate       timestamptz,
    CreationDate    timestamptz,
    LockingDate     timestamptz,
    ClearedDate     timestamptz,
    ReferringType   varchar,
    Note            varchar,
    observed_at     timestamptz not null,
    run_id          varchar not null);
comment on table audit.action is 'Append-only. Each differing observation of impact.com''s actions, ours or not.';
comment on column audit.action.action_id is 'Id.';
comment on column audit.action.CampaignId is 'Program.';
comment on column audit.action.ActionTrackerId is 'Event type.';
comment on column audit.action.Oid is 'OrderId.';
comment on column audit.action.State is 'PENDING, APPROVED or REVERSED.';
comment on column audit.action.Amount is 'Amount in the account''s currency.';
comment on column audit.action.Payout is 'Payout in the account''s currency.';
comment on column audit.action.Currency is 'The account''s currency.';
comment on column audit.action.MediaPartnerId is 'The credited partner.';
comment on column audit.action.MediaPartnerName is 'Its name.';
comment on column audit.action.CustomerId is 'CustomerId.';
comment on column audit.action.CustomerStatus is 'Status of the customer.';
comment on column audit.action.EventDate is 'Event date as impact.com holds it; may differ from the one sent. UTC.';
comment on column audit.action.CreationDate is 'When the action was made. UTC.';
comment on column audit.action.LockingDate is 'After this no change is possible. UTC.';
comment on column audit.action.ClearedDate is 'When it was cleared for payment. UTC.';
comment on column audit.action.ReferringType is 'How it was referred: CLICK_COOKIE ...';
comment on column audit.action.Note is 'private: note.';
comment on column audit.action.observed_at is 'When we saw it so. UTC.';
comment on column audit.action.run_id is 'The Dagster run.';

create sequence audit.listing_id;
create table audit.listing (
    listing_id   bigint not null default nextval('audit.listing_id'),
    what         varchar not null,
    window_after timestamptz,
    window_until timestamptz,
    pages        integer not null,
    rows_read    bigint not null,
    is_complete  boolean not null,
    api_calls    integer not null,
    run_id       varchar not null,
    started_at   timestamptz not null,
    finished_at  timestamptz not null);
comment on table audit.listing is 'Append-only. Each pass over a list of impact.com. A complete pass that finds nothing is what proves that a request did not arrive.';
comment on column audit.listing.listing_id is 'Number of the pass, growing.';
comment on column audit.listing.what is 'Actions or APISubmissions.';
comment on column audit.listing.window_after is 'Start of the window asked for, by date of update; null: all.';
comment on column audit.listing.window_until is 'End of the window asked for; null: all.';
comment on column audit.listing.pages is 'Pages read.';
comment on column audit.listing.rows_read is 'Rows read.';
comment on column audit.listing.is_complete is 'True when every page was read and the counts agreed.';
comment on column audit.listing.api_calls is 'Requests made.';
comment on column audit.listing.run_id is 'The Dagster run.';
comment on column audit.listing.started_at is 'When it began; what came later is not covered. UTC.';
comment on column audit.listing.finished_at is 'When it ended. UTC.';

create view audit.current_submission as
select * from audit.submission
qualify row_number() over (partition by submission_id order by observed_at desc) = 1;
comment on view audit.current_submission is 'The newest observation of each submission.';

create view audit.current_action as
select * from audit.action
qualify row_number() over (partition by action_id order by observed_at desc) = 1;
comment on view audit.current_action is 'The newest observation of each action.';
