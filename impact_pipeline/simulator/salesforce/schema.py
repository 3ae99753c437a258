"""Objects and their fields: read from declarations, printed as describe answers."""

import functools
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from typing import Any

import yaml

from impact_pipeline.simulator.salesforce.values import COMPOUND_TYPES, ID_TYPES, NUMBER_TYPES, WHOLE_TYPES

TEXT_LENGTH = 255
LONG_TEXT_LENGTH = 131_072
SIZED_IN_CHARACTERS = frozenset(
    {"string", "textarea", "picklist", "multipicklist", "email", "phone", "url", "combobox", "encryptedstring"}
)


@dataclass(frozen=True, kw_only=True)
class PicklistValue:
    value: str
    label: str
    active: bool = True
    default: bool = False

    def described(self) -> dict[str, Any]:
        return {
            "active": self.active,
            "defaultValue": self.default,
            "label": self.label,
            "validFor": None,
            "value": self.value,
        }


@dataclass(frozen=True, kw_only=True)
class Field:
    """
    One field's metadata.

    `cascade`: deleting the parent deletes this record. `optional`: exists only in orgs whose files have it.
    `multi_currency`: exists only in multi-currency orgs.
    """

    name: str
    type: str
    label: str = ""
    length: int = 0
    precision: int = 0
    scale: int = 0
    nillable: bool = True
    createable: bool = False
    updateable: bool = False
    calculated: bool = False
    formula: str | None = None
    filterable: bool = True
    custom: bool = False
    external_id: bool = False
    unique: bool = False
    case_sensitive: bool = False
    restricted_picklist: bool = False
    reference_to: tuple[str, ...] = ()
    relationship_name: str | None = None
    picklist: tuple[PicklistValue, ...] = ()
    cascade: bool = False
    optional: bool = False
    multi_currency: bool = False

    def described(self) -> dict[str, Any]:
        """The field as an entry of describe's `fields`."""
        whole, text = self.type in WHOLE_TYPES, self.type in SIZED_IN_CHARACTERS
        length = self.length if text else 18 if self.type in ID_TYPES else 0
        sortable = self.filterable and self.type not in COMPOUND_TYPES
        return {
            "aggregatable": sortable,
            "autoNumber": False,
            "byteLength": length * 3 if text else length,
            "calculated": self.calculated,
            "calculatedFormula": self.formula,
            "caseSensitive": self.case_sensitive,
            "compoundFieldName": None,
            "createable": self.createable,
            "custom": self.custom,
            "defaultedOnCreate": self.type == "boolean" or self.name == "OwnerId",
            "deprecatedAndHidden": False,
            "digits": self.precision if whole else 0,
            "encrypted": False,
            "externalId": self.external_id,
            "extraTypeInfo": None,
            "filterable": self.filterable,
            "groupable": sortable and self.type not in NUMBER_TYPES and self.type != "datetime",
            "htmlFormatted": False,
            "idLookup": self.type == "id" or self.external_id,
            "label": self.label or self.name,
            "length": length,
            "mask": None,
            "maskType": None,
            "name": self.name,
            "namePointing": len(self.reference_to) > 1,
            "nillable": self.nillable,
            "permissionable": self.nillable and self.type not in ID_TYPES,
            "picklistValues": [value.described() for value in self.picklist],
            "polymorphicForeignKey": len(self.reference_to) > 1,
            "precision": 0 if whole else self.precision,
            "referenceTo": list(self.reference_to),
            "relationshipName": self.relationship_name,
            "restrictedPicklist": self.restricted_picklist,
            "scale": self.scale,
            "soapType": _soap_type(self.type),
            "sortable": sortable,
            "type": self.type,
            "unique": self.unique,
            "updateable": self.updateable,
        }


def _soap_type(type_name: str) -> str:
    if type_name in ID_TYPES:
        return "tns:ID"
    if type_name in NUMBER_TYPES:
        return "xsd:double"
    named = {"boolean": "xsd:boolean", "int": "xsd:int", "date": "xsd:date", "datetime": "xsd:dateTime"}
    return named.get(type_name, "xsd:string")


@dataclass(frozen=True, kw_only=True)
class ObjectType:
    """One object's metadata; `fields` in the order that describe lists them."""

    name: str
    fields: Mapping[str, Field]
    label: str = ""
    key_prefix: str | None = None
    custom: bool = False
    replicateable: bool = True
    undeletable: bool = True
    mergeable: bool = False
    bulk: bool = True
    permanent_delete: bool = False
    _by_lower_name: dict[str, Field] = field(init=False, repr=False, compare=False)
    _by_relationship: dict[str, Field] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        named = {name.lower(): item for name, item in self.fields.items()}
        related = {item.relationship_name.lower(): item for item in self.fields.values() if item.relationship_name}
        object.__setattr__(self, "_by_lower_name", named)
        object.__setattr__(self, "_by_relationship", related)

    def field(self, name: str) -> Field | None:
        """The field of that name; SOQL does not heed case."""
        return self._by_lower_name.get(name.lower())

    def parent(self, relationship: str) -> Field | None:
        """The lookup behind a relationship name such as `Account` or `Tier__r`."""
        return self._by_relationship.get(relationship.lower())

    def with_fields(self, added: Iterable[Field] = (), without: Iterable[str] = ()) -> "ObjectType":
        """A copy with fields added or replaced, and others left out."""
        dropped = set(without)
        fields = {name: item for name, item in self.fields.items() if name not in dropped}
        fields.update((item.name, item) for item in added)
        return replace(self, fields=fields)

    def relabelled(self, *, label: str, key_prefix: str | None) -> "ObjectType":
        return replace(self, label=label, key_prefix=key_prefix)

    def summary(self, version: str) -> dict[str, Any]:
        """The object as an entry of the global describe."""
        base = f"/services/data/v{version}/sobjects/{self.name}"
        deletable = self.fields.get("IsDeleted") is not None
        return {
            "createable": True,
            "custom": self.custom,
            "deletable": deletable,
            "keyPrefix": self.key_prefix,
            "label": self.label or self.name,
            "mergeable": self.mergeable,
            "name": self.name,
            "queryable": True,
            "replicateable": self.replicateable,
            "retrieveable": True,
            "searchable": True,
            "undeletable": deletable and self.undeletable,
            "updateable": True,
            "urls": {"sobject": base, "describe": f"{base}/describe", "rowTemplate": f"{base}/{{ID}}"},
        }


def parse_field(name: str, declaration: str | Mapping[str, Any], known: Field | None = None) -> Field:
    """
    A field from the short form of `standard_fields.yaml` or from describe's own keys (`describe.yaml`).

    Args:
        known: a field of that name, of which describe's keys change only what they name.

    Raises ValueError naming the field where a word or key is not known.
    """
    custom = name.endswith("__c")
    if isinstance(declaration, str):
        return _from_short_form(name, declaration, custom=custom)
    keys = _described_keys(name, declaration)
    return replace(known, **keys) if known is not None else _from_describe_keys(name, keys, custom=custom)


def _from_short_form(name: str, declaration: str, *, custom: bool) -> Field:
    words = iter(declaration.split())
    item = Field(name=name, type=next(words), custom=custom)
    for word in words:
        if word == "as":
            item = replace(item, relationship_name=next(words))
        elif word in ("cu", "c", "u"):
            item = replace(item, createable="c" in word, updateable="u" in word)
        elif word in _FLAGS:
            item = replace(item, **_FLAGS[word])
        elif word[0].isdigit():
            item = replace(item, **_size(item.type, word))
        elif item.type == "reference":
            item = replace(item, reference_to=(*item.reference_to, word))
        else:
            raise ValueError(f"field {name}: the word {word!r} in {declaration!r} is not known.")
    if item.type in SIZED_IN_CHARACTERS and not item.length:
        item = replace(item, length=TEXT_LENGTH)
    return item


_FLAGS: dict[str, dict[str, Any]] = {
    "required": {"nillable": False},
    "unfilterable": {"filterable": False},
    "cascade": {"cascade": True},
    "calculated": {"calculated": True},
    "optional": {"optional": True},
    "multi_currency": {"multi_currency": True},
    "external": {"external_id": True},
    "unique": {"unique": True},
}


def _size(type_name: str, word: str) -> dict[str, Any]:
    first, _, second = word.partition(",")
    if type_name in NUMBER_TYPES:
        return {"precision": int(first), "scale": int(second or 0)}
    return {"precision" if type_name in WHOLE_TYPES else "length": int(first)}


_DESCRIBE_KEYS = {
    "type": "type",
    "label": "label",
    "length": "length",
    "precision": "precision",
    "digits": "precision",
    "scale": "scale",
    "nillable": "nillable",
    "createable": "createable",
    "updateable": "updateable",
    "calculated": "calculated",
    "calculatedFormula": "formula",
    "filterable": "filterable",
    "custom": "custom",
    "externalId": "external_id",
    "unique": "unique",
    "caseSensitive": "case_sensitive",
    "restrictedPicklist": "restricted_picklist",
    "relationshipName": "relationship_name",
    "cascadeDelete": "cascade",
}


def _described_keys(name: str, declaration: Mapping[str, Any]) -> dict[str, Any]:
    """Field's attributes for describe's keys."""
    known: dict[str, Any] = {}
    for key, value in declaration.items():
        if key == "referenceTo":
            known["reference_to"] = (value,) if isinstance(value, str) else tuple(value)
        elif key == "picklistValues":
            known["picklist"] = tuple(_picklist_value(entry) for entry in value)
        elif key in _DESCRIBE_KEYS:
            known[_DESCRIBE_KEYS[key]] = value
        elif key != "name":
            allowed = ", ".join(sorted([*_DESCRIBE_KEYS, "referenceTo", "picklistValues"]))
            raise ValueError(f"field {name}: the key {key!r} is not known; use one of {allowed}.")
    return known


def _from_describe_keys(name: str, keys: Mapping[str, Any], *, custom: bool) -> Field:
    """A field that nothing else is known of: text, writable, with the sizes that Setup proposes."""
    known = {"type": "string", "custom": custom, **keys}
    if not known.get("calculated"):
        known = {"createable": True, "updateable": True} | known
    if known["type"] in SIZED_IN_CHARACTERS:
        known = {"length": TEXT_LENGTH} | known
    if known["type"] in NUMBER_TYPES:
        known = {"precision": 18, "scale": 2} | known
    if known["type"] == "reference" and custom:
        known = {"relationship_name": name.removesuffix("__c") + "__r"} | known
    return Field(name=name, **known)


def _picklist_value(entry: str | Mapping[str, Any]) -> PicklistValue:
    if isinstance(entry, str):
        return PicklistValue(value=entry, label=entry)
    value = str(entry["value"])
    return PicklistValue(
        value=value,
        label=str(entry.get("label", value)),
        active=bool(entry.get("active", True)),
        default=bool(entry.get("defaultValue", False)),
    )


def parse_object(name: str, declaration: Mapping[str, Any]) -> ObjectType:
    """An object of `standard_fields.yaml`: keys `prefix`, `fields`, `audit` and the flags of ObjectType."""
    fields = {
        key: parse_field(key, value)
        for key, value in (
            {"Id": "id required"} | dict(declaration["fields"]) | AUDIT_FIELDS[declaration.get("audit", "deletable")]
        ).items()
    }
    flags = {
        key: declaration[key]
        for key in ("label", "replicateable", "undeletable", "mergeable", "bulk", "permanent_delete")
        if key in declaration
    }
    return ObjectType(name=name, fields=fields, key_prefix=declaration.get("prefix"), **flags)


_CREATED = {"CreatedDate": "datetime required", "CreatedById": "reference User as CreatedBy required"}
_KEPT = _CREATED | {
    "LastModifiedDate": "datetime required",
    "LastModifiedById": "reference User as LastModifiedBy required",
    "SystemModstamp": "datetime required",
}
_DELETED = {"IsDeleted": "boolean required"}
AUDIT_FIELDS = {
    "deletable": _DELETED | _KEPT,
    "kept": _KEPT,
    "history": _DELETED | _CREATED,
    "stamped_history": _DELETED | _CREATED | {"SystemModstamp": "datetime required"},
}


@functools.cache
def standard_objects() -> Mapping[str, ObjectType]:
    """The built-in objects of `standard_fields.yaml`."""
    return {name: parse_object(name, entry) for name, entry in standard_declarations()["objects"].items()}


@functools.cache
def standard_declarations() -> Mapping[str, Any]:
    text = files(__package__).joinpath("standard_fields.yaml").read_text(encoding="utf-8")
    loaded: Mapping[str, Any] = yaml.safe_load(text)
    return loaded


def custom_object(name: str) -> ObjectType:
    """A custom object of which nothing but the name is known."""
    fields = {"Id": "id required", "Name": "string 80 cu", "OwnerId": "reference Group User as Owner cu required"}
    declared = fields | AUDIT_FIELDS["deletable"]
    return ObjectType(name=name, fields={key: parse_field(key, value) for key, value in declared.items()}, custom=True)


def fields_of_all_types(count: int) -> list[Field]:
    """`count` custom fields with the types that Setup offers, in turn, from `Text_000__c` on."""
    return [
        parse_field(f"{name}_{number:03d}__c", declaration)
        for number, (name, declaration) in zip(range(count), itertools.cycle(CUSTOM_FIELDS.items()), strict=False)
    ]


# What Setup calls a field's type → describe's keys. Compound types and files are left out: no query selects them whole.
CUSTOM_FIELDS: Mapping[str, Mapping[str, Any]] = {
    "Text": {"type": "string"},
    "Number": {"type": "double", "precision": 18, "scale": 4},
    "Currency": {"type": "currency"},
    "Checkbox": {"type": "boolean"},
    "Date": {"type": "date"},
    "DateTime": {"type": "datetime"},
    "Time": {"type": "time"},
    "Picklist": {"type": "picklist", "picklistValues": ["red", "green", "blue"]},
    "Multi_Select": {"type": "multipicklist", "length": 4099, "picklistValues": ["red", "green", "blue"]},
    "Percent": {"type": "percent", "precision": 5},
    "Text_Area": {"type": "textarea"},
    "Long_Text_Area": {"type": "textarea", "length": LONG_TEXT_LENGTH, "filterable": False},
    "Email": {"type": "email", "length": 80},
    "Phone": {"type": "phone", "length": 40},
    "URL": {"type": "url"},
    "Whole_Number": {"type": "int", "digits": 9},
    "Lookup": {"type": "reference", "referenceTo": "User"},
    "Encrypted_Text": {"type": "encryptedstring", "length": 175, "filterable": False},
    "External_Key": {"type": "string", "externalId": True, "unique": True},
    "Formula_Text": {"type": "string", "length": 1300, "calculated": True, "calculatedFormula": "UPPER(Name)"},
    "Formula_Number": {"type": "double", "calculated": True, "calculatedFormula": "1 + 1"},
}


def history_object(name: str, tracked_parent: ObjectType) -> ObjectType:
    """The field history object of a tracked object: `LeadHistory`, `OpportunityFieldHistory`, `Tier__History`."""
    parent_field = "ParentId" if tracked_parent.custom else f"{tracked_parent.name}Id"
    relationship = parent_field.removesuffix("Id")
    fields = {
        "Id": "id required",
        parent_field: f"reference {tracked_parent.name} as {relationship} cascade required",
        "Field": "picklist 255 required",
        "DataType": "picklist 40",
        "OldValue": "anyType unfilterable",
        "NewValue": "anyType unfilterable",
    } | AUDIT_FIELDS["history"]
    return ObjectType(
        name=name,
        fields={key: parse_field(key, value) for key, value in fields.items()},
        key_prefix="017",
        undeletable=False,
    )


def history_name(sobject: str) -> str:
    """`LeadHistory` for Lead; Opportunity's name is taken, so its field history has another."""
    if sobject == "Opportunity":
        return "OpportunityFieldHistory"
    return sobject.removesuffix("__c") + "__History" if sobject.endswith("__c") else sobject + "History"
