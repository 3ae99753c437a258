"""What Salesforce does when a record is written: stamps, derived fields, histories, cascades and merges."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from impact_pipeline.simulator.salesforce import opportunities
from impact_pipeline.simulator.salesforce.schema import ObjectType, history_name
from impact_pipeline.simulator.salesforce.values import Record, Value, full_id, kept_value, moment_text

if TYPE_CHECKING:
    from impact_pipeline.simulator.salesforce.org import Org

OPERATIONS = ("create", "update", "delete", "undelete", "hard_delete", "merge")
SET_BY_SALESFORCE = frozenset({"Id", "SystemModstamp", "IsDeleted"})
AUDIT_ON_INSERT = ("CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById")


class EditError(ValueError):
    """
    An edit that the org cannot carry out.

    Args:
        code: Salesforce's status code for it, for writes that came over HTTP.
    """

    def __init__(self, message: str, code: str = "INVALID_INPUT", fields: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.fields = fields


@dataclass(frozen=True, kw_only=True)
class Edit:
    """
    One write.

    `system_only` moves SystemModstamp alone, as backend jobs do. `commit_at`: the stamp is `at`, but nobody sees the
    write before `commit_at`. `id` of a merge is the winner's.
    """

    at: datetime
    op: str
    sobject: str
    id: str | None
    by: str
    fields: Mapping[str, object]
    system_only: bool = False
    loser_ids: tuple[str, ...] = ()
    commit_at: datetime | None = None

    @classmethod
    def parse(cls, entry: Mapping[str, Any], *, now: datetime, default_user: str) -> "Edit":
        """
        An edit from the keys at, op, sobject, id, by, system_only, fields, loser_ids, commit_at.

        Raises EditError naming the key that is wrong. `at` left out means now; `by` left out, the given user.
        """
        unknown = set(entry) - {*cls.__dataclass_fields__}
        if unknown:
            raise EditError(
                f"an edit has no key {sorted(unknown)[0]!r}; keys are {', '.join(cls.__dataclass_fields__)}."
            )
        op, sobject = entry.get("op"), entry.get("sobject")
        if op not in OPERATIONS:
            raise EditError(f"op={op!r}: use one of {', '.join(OPERATIONS)}, or one that changes the setup.")
        if not isinstance(sobject, str):
            raise EditError(f"sobject={sobject!r}: name the object, for example Lead.")
        record_id = entry.get("id")
        if record_id is None and op != "create":
            raise EditError(f"{op} {sobject}: an id is needed.", "MISSING_ARGUMENT")
        try:
            return cls(
                at=_moment(entry.get("at"), now),
                op=op,
                sobject=sobject,
                id=None if record_id is None else full_id(record_id),
                by=full_id(entry.get("by") or default_user),
                fields=entry.get("fields") or {},
                system_only=bool(entry.get("system_only", False)),
                loser_ids=tuple(full_id(loser) for loser in entry.get("loser_ids") or ()),
                commit_at=_moment(entry["commit_at"], now) if entry.get("commit_at") else None,
            )
        except ValueError as error:
            raise EditError(f"{op} {sobject} {record_id}: {error}", "MALFORMED_ID") from error

    @property
    def stamp(self) -> str:
        return moment_text(self.at)


def _moment(value: object, now: datetime) -> datetime:
    if value is None:
        return now
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    if moment.tzinfo is None:
        raise ValueError(f"the time {value} has no zone; write it with Z.")
    return moment


def perform(org: "Org", edit: Edit) -> None:
    """Carry out one edit on the org's tables. The caller holds the org's lock."""
    _PERFORM[edit.op](org, edit)


def _create(org: "Org", edit: Edit) -> None:
    kind, table = org.type_named(edit.sobject), org.table(edit.sobject)
    if edit.id is None or edit.id in table.rows:
        raise EditError(f"create {edit.sobject} {edit.id}: that Id is taken.", "DUPLICATE_VALUE")
    given = _kept_fields(org, kind, edit, extra=AUDIT_ON_INSERT)
    record: Record = {"Id": edit.id}
    record.update((name, False) for name, item in kind.fields.items() if item.type == "boolean")
    if "OwnerId" in kind.fields:
        record["OwnerId"] = edit.by
    if "CurrencyIsoCode" in kind.fields:
        record["CurrencyIsoCode"] = org.features.corporate_currency
    record.update(given)
    for name, value in (("CreatedDate", edit.stamp), ("CreatedById", edit.by)):
        if name in kind.fields:
            record.setdefault(name, value)
    _complete(org, None, record, set(given), edit)
    _stamp(kind, None, record, edit, keep=set(given))
    table.put(record)
    _track(org, kind, None, record, edit)
    _after_write(org, None, record, edit)


def _update(org: "Org", edit: Edit) -> None:
    kind, before = org.type_named(edit.sobject), _live(org, edit)
    given = _kept_fields(org, kind, edit)
    record = before | given
    _complete(org, before, record, set(given), edit)
    _stamp(kind, before, record, edit)
    org.table(edit.sobject).put(record)
    _track(org, kind, before, record, edit)
    _after_write(org, before, record, edit)


def _delete(org: "Org", edit: Edit) -> None:
    before = _live(org, edit)
    kind = org.type_named(edit.sobject)
    if "IsDeleted" not in kind.fields:
        raise EditError(f"delete {edit.sobject}: such records are never deleted.", "DELETE_FAILED")
    if kind.permanent_delete:
        _erase(org, kind, before, edit)
    else:
        _bin(org, kind, before, edit, root=str(before["Id"]))
    _after_write(org, before, None, edit)


def _undelete(org: "Org", edit: Edit) -> None:
    kind, table = org.type_named(edit.sobject), org.table(edit.sobject)
    record = table.rows.get(str(edit.id))
    if record is None or not record.get("IsDeleted"):
        raise EditError(f"undelete {edit.sobject} {edit.id}: it is not in the Recycle Bin.", "UNDELETE_FAILED")
    for sobject, binned in [(edit.sobject, record), *org.cascaded.pop(str(edit.id), [])]:
        restored = binned | {"IsDeleted": False}
        if org.is_history(sobject):
            org.table(sobject).put(binned)
            continue
        _stamp(org.type_named(sobject), binned, restored, edit)
        org.table(sobject).put(restored)
    _after_write(org, record, table.rows[str(record["Id"])], edit)
    if kind.name == "Opportunity" and record.get("HasOpportunityLineItem"):
        opportunities.roll_up(org, str(record["Id"]), edit)


def _hard_delete(org: "Org", edit: Edit) -> None:
    kind = org.type_named(edit.sobject)
    record = org.table(edit.sobject).rows.get(str(edit.id))
    if record is None:
        raise EditError(f"hard_delete {edit.sobject} {edit.id}: no such record.", "INVALID_CROSS_REFERENCE_KEY")
    org.cascaded.pop(str(edit.id), None)
    _erase(org, kind, record, edit)
    _after_write(org, record, None, edit)


def _merge(org: "Org", edit: Edit) -> None:
    kind, table = org.type_named(edit.sobject), org.table(edit.sobject)
    if not kind.mergeable:
        raise EditError(f"merge {edit.sobject}: only Lead, Contact and Account records can be merged.")
    winner = _live(org, edit)
    for loser_id in edit.loser_ids:
        loser = table.rows.get(loser_id)
        if loser is None or loser.get("IsDeleted") or loser_id == edit.id:
            raise EditError(f"merge {edit.sobject} {loser_id}: not a live record.", "ENTITY_IS_DELETED")
    for loser_id in edit.loser_ids:
        _reparent(org, edit, loser_id)
        record = table.rows[loser_id] | {"IsDeleted": True, "MasterRecordId": str(winner["Id"])}
        _stamp(kind, table.rows[loser_id], record, edit)
        table.put(record)
        org.log_delete(edit.sobject, loser_id, edit.stamp)
        _write_history(org, kind, str(winner["Id"]), f"{kind.name.lower()}Merged", None, None, edit)
    _update(org, edit)


def _reparent(org: "Org", edit: Edit, loser_id: str) -> None:
    for child, field in org.references_to(edit.sobject):
        if field == "MasterRecordId":
            continue
        kind, table = org.type_named(child), org.table(child)
        for before in table.with_values(field, [loser_id]):
            record = before | {field: str(edit.id)}
            if org.features.merge_stamps_children and "SystemModstamp" in kind.fields:
                record["SystemModstamp"] = max(str(before["SystemModstamp"]), edit.stamp)
            table.put(record)


_PERFORM = {
    "create": _create,
    "update": _update,
    "delete": _delete,
    "undelete": _undelete,
    "hard_delete": _hard_delete,
    "merge": _merge,
}


def _live(org: "Org", edit: Edit) -> Record:
    record = org.table(edit.sobject).rows.get(str(edit.id))
    if record is None:
        raise EditError(f"{edit.op} {edit.sobject} {edit.id}: no such record.", "INVALID_CROSS_REFERENCE_KEY")
    if record.get("IsDeleted"):
        raise EditError("entity is deleted", "ENTITY_IS_DELETED")
    return record


def _kept_fields(org: "Org", kind: ObjectType, edit: Edit, extra: tuple[str, ...] = ()) -> Record:
    """The edit's fields in kept form. Audit fields may be set on insert only, the others of Salesforce never."""
    kept: Record = {}
    for name, value in edit.fields.items():
        item = kind.field(name)
        if item is None:
            raise EditError(
                f"No such column '{name}' on sobject of type {kind.name}", "INVALID_FIELD_FOR_INSERT_UPDATE", (name,)
            )
        if item.name in SET_BY_SALESFORCE or (item.name in AUDIT_ON_INSERT and item.name not in extra):
            raise EditError(
                f"Unable to create/update fields: {item.name}. Salesforce sets it itself.",
                "INVALID_FIELD_FOR_INSERT_UPDATE",
                (item.name,),
            )
        try:
            kept[item.name] = kept_value(item.type, value)
        except ValueError as error:
            raise EditError(f"{kind.name}.{item.name}: {error}", "JSON_PARSER_ERROR", (item.name,)) from error
    return kept


def _complete(org: "Org", before: Record | None, record: Record, given: set[str], edit: Edit) -> None:
    """Fill the fields that Salesforce derives, unless the edit gives them."""
    if edit.sobject in ("Lead", "Contact", "User") and "Name" not in given and given & {"FirstName", "LastName"}:
        record["Name"] = " ".join(str(part) for part in (record.get("FirstName"), record.get("LastName")) if part)
    if edit.sobject == "Opportunity":
        opportunities.complete_opportunity(org, before, record, given, edit)
    elif edit.sobject == "OpportunityLineItem":
        opportunities.complete_line_item(org, before, record, given)


def _stamp(
    kind: ObjectType, before: Record | None, record: Record, edit: Edit, keep: set[str] | frozenset[str] = frozenset()
) -> None:
    """Move the stamps; a record's own stamp never runs back."""
    if "SystemModstamp" in kind.fields:
        earlier = str(before.get("SystemModstamp") or "") if before else ""
        record["SystemModstamp"] = max(earlier, edit.stamp)
    if "LastModifiedDate" in kind.fields and (before is None or not edit.system_only):
        for name, value in (("LastModifiedDate", edit.stamp), ("LastModifiedById", edit.by)):
            if name not in keep:
                record[name] = value


def _after_write(org: "Org", before: Record | None, after: Record | None, edit: Edit) -> None:
    """What a write does to other records."""
    if edit.sobject == "Opportunity" and before and after and before.get("Pricebook2Id"):
        _drop_lines_of_another_book(org, before, after, edit)
    if edit.sobject == "OpportunityLineItem":
        record = after or before or {}
        opportunities.roll_up(org, str(record["OpportunityId"]), edit)


def _drop_lines_of_another_book(org: "Org", before: Record, after: Record, edit: Edit) -> None:
    """Line items belong to one price book; a changed one deletes them all."""
    lines = org.table("OpportunityLineItem").with_values("OpportunityId", [after["Id"]])
    if before.get("Pricebook2Id") == after.get("Pricebook2Id") or not lines:
        return
    for line in lines:
        _erase(org, org.type_named("OpportunityLineItem"), line, edit)
    opportunities.roll_up(org, str(after["Id"]), edit)


def _bin(org: "Org", kind: ObjectType, record: Record, edit: Edit, root: str) -> None:
    """Put a record and its children into the Recycle Bin; `root` is the record that a person deleted."""
    record_id = str(record["Id"])
    for child, field in org.cascades_from(kind.name):
        child_kind, table = org.type_named(child), org.table(child)
        for row in table.with_values(field, [record_id]):
            if row.get("IsDeleted"):
                continue
            if org.is_history(child):
                table.remove(str(row["Id"]))
                org.cascaded.setdefault(root, []).append((child, row))
            else:
                _bin(org, child_kind, row, edit, root)
                org.cascaded.setdefault(root, []).append((child, table.rows[str(row["Id"])]))
    deleted = record | {"IsDeleted": True}
    _stamp(kind, record, deleted, edit)
    org.table(kind.name).put(deleted)
    org.log_delete(kind.name, record_id, edit.stamp)


def _erase(org: "Org", kind: ObjectType, record: Record, edit: Edit) -> None:
    """Take a record and its children out for good; only the delete log remembers them."""
    record_id = str(record["Id"])
    for child, field in org.cascades_from(kind.name):
        for row in org.table(child).with_values(field, [record_id]):
            _erase(org, org.type_named(child), row, edit)
    org.table(kind.name).remove(record_id)
    if not org.is_history(kind.name):
        org.log_delete(kind.name, record_id, edit.stamp)


def _track(org: "Org", kind: ObjectType, before: Record | None, after: Record, edit: Edit) -> None:
    """Write the field history rows of tracked fields, and Opportunity's own history."""
    tracked = org.features.tracked_fields.get(kind.name)
    if tracked is None:
        return
    record_id = str(after["Id"])
    if before is None:
        _write_history(org, kind, record_id, "created", None, None, edit)
        return
    if after.get("IsConverted") and not before.get("IsConverted"):
        _write_history(org, kind, record_id, "leadConverted", None, None, edit)
    for name in tracked:
        if name not in kind.fields:
            continue
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        item = kind.fields[name]
        if item.type == "reference":
            names = (org.name_of(item.reference_to, old), org.name_of(item.reference_to, new))
            _write_history(org, kind, record_id, name, *names, edit)
        _write_history(org, kind, record_id, name, old, new, edit)


def _write_history(
    org: "Org", kind: ObjectType, parent_id: str, field: str, old: Value, new: Value, edit: Edit
) -> None:
    if kind.name not in org.features.tracked_fields:
        return
    sobject = history_name(kind.name)
    parent_field = "ParentId" if kind.custom else f"{kind.name}Id"
    item = kind.fields.get(field)
    zone = "Z" if item is not None and item.type == "datetime" else ""
    org.table(sobject).put(
        {
            "Id": org.new_id(sobject),
            parent_field: parent_id,
            "Field": field,
            "DataType": "Text" if item is None else item.type.capitalize(),
            "OldValue": f"{old}{zone}" if zone and old else old,
            "NewValue": f"{new}{zone}" if zone and new else new,
            "IsDeleted": False,
            "CreatedDate": edit.stamp,
            "CreatedById": edit.by,
        }
    )
