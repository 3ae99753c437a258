"""
What an administrator changes in Setup, as edits of the timeline's form: `op`, `sobject`, and `fields` by name.

    {"op": "add_field",    "sobject": "Lead", "fields": {"Tier__c": "string 80 cu"}}
    {"op": "remove_field", "sobject": "Lead", "fields": {"Tier__c": null}}
    {"op": "rename_field", "sobject": "Lead", "fields": {"Tier__c": "Level__c"}}
    {"op": "change_field", "sobject": "Lead", "fields": {"Tier__c": {"type": "double", "scale": 3}}}
    {"op": "hide",         "sobject": "Lead", "fields": {"Tier__c": null}}      and "show"; without fields the object
    {"op": "rename_value", "sobject": "Opportunity", "fields": {"StageName": ["Closed Won", "Won"]}}
    {"op": "share",        "sobject": "Lead", "fields": {"share": 0.5}}

No stamp moves, except by `rename_value`: Salesforce does that to every record that has the value.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from impact_pipeline.simulator.salesforce.edits import EditError
from impact_pipeline.simulator.salesforce.schema import SIZED_IN_CHARACTERS, Field, parse_field
from impact_pipeline.simulator.salesforce.values import NUMBER_TYPES, Value, kept_value, number_text

if TYPE_CHECKING:
    from impact_pipeline.simulator.salesforce.org import Org


def change(org: "Org", edit: Mapping[str, Any]) -> str:
    """Carry out one of OPERATIONS; gives the object's name. Raises EditError for one that Setup would refuse."""
    fields = edit.get("fields") or {}
    unknown = set(edit) - {"at", "op", "sobject", "fields"}
    if unknown or not isinstance(fields, Mapping):
        raise EditError(f"{edit['op']} has at, op, sobject and fields by name, not {sorted(unknown)}.")
    sobject = org.type_named(str(edit.get("sobject"))).name
    with org.lock:
        try:
            OPERATIONS[edit["op"]](org, sobject, fields)
        except (TypeError, ValueError) as error:
            raise EditError(f"{edit['op']} {sobject}: {error}") from error
    return sobject


def _add_fields(org: "Org", sobject: str, fields: Mapping[str, Any]) -> None:
    for name, declaration in fields.items():
        org.add_field(sobject, parse_field(name, declaration))


def _remove_fields(org: "Org", sobject: str, fields: Mapping[str, Any]) -> None:
    for name in fields:
        _custom(org, sobject, name)
        org.remove_field(sobject, name)


def _rename_fields(org: "Org", sobject: str, fields: Mapping[str, Any]) -> None:
    for old, new in fields.items():
        item = _custom(org, sobject, old)
        relationship = f"{new.removesuffix('__c')}__r" if item.relationship_name else None
        kind, table = org.type_named(sobject), org.table(sobject)
        renamed = replace(item, name=new, relationship_name=relationship)
        org.define(kind.with_fields([renamed], without=[old]))
        for record in [row for row in table if old in row]:
            table.put({new if name == old else name: value for name, value in record.items()})


def _change_fields(org: "Org", sobject: str, fields: Mapping[str, Any]) -> None:
    for name, keys in fields.items():
        before = _custom(org, sobject, name) if "type" in keys else _field(org, sobject, name)
        after = parse_field(name, keys, before)
        org.define(org.type_named(sobject).with_fields([after]))
        table = org.table(sobject)
        for record in [row for row in table if row.get(name) is not None]:
            table.put(record | {name: _converted(record[name], before, after)})


def _converted(value: Value, before: Field, after: Field) -> Value:
    """The value as the field's new type and size keep it; what doesn't fit is lost, as Setup warns."""
    if after.type != before.type:
        text = number_text(value) if isinstance(value, Decimal) else str(value)
        try:
            value = kept_value(after.type, text)
        except ValueError:
            return None
    if isinstance(value, str) and after.type in SIZED_IN_CHARACTERS:
        return value[: after.length]
    if isinstance(value, Decimal) and after.type in NUMBER_TYPES:
        return value.quantize(Decimal(1).scaleb(-after.scale), rounding=ROUND_HALF_UP)
    return value


def _hide(org: "Org", sobject: str, fields: Mapping[str, Any]) -> None:
    for name in _shown_names(sobject, fields):
        org.hide(name)


def _show(org: "Org", sobject: str, fields: Mapping[str, Any]) -> None:
    for name in _shown_names(sobject, fields):
        org.show(name)


def _shown_names(sobject: str, fields: Mapping[str, Any]) -> list[str]:
    return [f"{sobject}.{name}" for name in fields] or [sobject]


def _rename_values(org: "Org", sobject: str, fields: Mapping[str, Any]) -> None:
    for name, (old, new) in fields.items():
        org.rename_picklist_value(sobject, name, old, new)


def _share(org: "Org", sobject: str, fields: Mapping[str, Any]) -> None:
    org.share(sobject, float(fields["share"]))


OPERATIONS: Mapping[str, Callable[["Org", str, Mapping[str, Any]], None]] = {
    "add_field": _add_fields,
    "remove_field": _remove_fields,
    "rename_field": _rename_fields,
    "change_field": _change_fields,
    "hide": _hide,
    "show": _show,
    "rename_value": _rename_values,
    "share": _share,
}


def _field(org: "Org", sobject: str, name: str) -> Field:
    item = org.type_named(sobject).fields.get(name)
    if item is None:
        raise EditError(f"{sobject} has no field {name}.")
    return item


def _custom(org: "Org", sobject: str, name: str) -> Field:
    item = _field(org, sobject, name)
    if not item.custom:
        raise EditError(f"{sobject}.{name} is no custom field; Setup leaves the others as they are.")
    return item
