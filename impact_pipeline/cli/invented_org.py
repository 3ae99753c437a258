"""
The org that the records of mapping cases belong to: standard fields with their types, custom ones as cases use them.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any

from impact_pipeline.capture.fields import Description, description
from impact_pipeline.config.errors import Problem
from impact_pipeline.config.files import suggestion
from impact_pipeline.config.load import Config
from impact_pipeline.simulator.salesforce.schema import (
    ObjectType,
    custom_object,
    history_object,
    parse_field,
    standard_objects,
)

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T[\d:.]+(Z|[+-]\d{2}:?\d{2})\Z")
_TEXT = "string 255 cu"
# Of describe, those that a custom field can have and a mapping can read.
_TYPES = [
    "boolean",
    "currency",
    "date",
    "datetime",
    "double",
    "email",
    "encryptedstring",
    "int",
    "multipicklist",
    "percent",
    "phone",
    "picklist",
    "reference",
    "string",
    "textarea",
    "time",
    "url",
]


class InventedOrg:
    """Objects and fields, as describe would list them. What is learned stays."""

    def __init__(self) -> None:
        self._types: dict[str, ObjectType] = {}
        self._declared: set[tuple[str, str]] = set()

    def describe(self, object_name: str) -> Description:
        fields = [one.described() for one in self.type_named(object_name).fields.values()]
        return description({"name": object_name, "fields": fields, "replicateable": True})

    def type_named(self, object_name: str) -> ObjectType:
        if object_name not in self._types:
            self._types[object_name] = _first_type(object_name)
        return self._types[object_name]

    def declare(self, file: str, types: Mapping[str, Mapping[str, str]]) -> Iterator[Problem]:
        """Take over what a file says of the types of custom fields: object → field → type."""
        for object_name, fields in types.items():
            for name, declared in fields.items():
                self._declared.add((object_name, name))
                if declared.split(" ")[0] in _TYPES:
                    with suppress(ValueError):
                        self._add(object_name, name, f"{declared} cu")
                        continue
                remedy = f"Write one of {', '.join(_TYPES)}, and its size, such as double 18,2 or string 80."
                key = f"types.{object_name}.{name}"
                yield Problem(file=file, key=key, value=declared, problem="it is no type of a field.", remedy=remedy)

    def learn(self, file: str, key: str, object_name: str, fields: Mapping[str, Any]) -> Iterator[Problem]:
        """Take over the fields that a record has; what can't be a field of it is a problem."""
        for name, value in fields.items():
            at = f"{key}.{name}"
            if isinstance(value, dict):
                target = self.target(object_name, name)
                if target is not None:
                    yield from self.learn(file, at, target, value)
                    continue
                problem = f"{object_name} has no relationship of this name."
                remedy = "Name one, such as Account, Owner, Product2, or Foo__r for the look-up Foo__c."
            elif isinstance(value, list):
                problem, remedy = "a field holds one value.", "Lines belong under lines."
            elif self._has(object_name, name, value):
                continue
            else:
                problem = f"{object_name} has no field of this name."
                remedy = suggestion(name, self.type_named(object_name).fields) or "Custom fields end with __c."
            yield Problem(file=file, key=at, value="", problem=problem, remedy=remedy)

    def learn_paths(self, config: Config) -> None:
        """Take over the custom fields that the configuration needs and no case gives a value: empty texts."""
        optional = config.optional_paths()
        for object_name, paths in config.capture_set().items():
            for path in sorted(paths - optional.get(object_name, set())):
                *steps, last = path.split(".")
                at: str | None = object_name
                for step in steps:
                    at = None if at is None else self.target(at, step)
                if at is not None:
                    self._has(at, last, None)

    def target(self, object_name: str, relationship: str) -> str | None:
        """The object that a relationship leads to; a new custom one leads to the object of its name."""
        reference = self.type_named(object_name).parent(relationship)
        if reference is None and relationship.endswith("__r"):
            look_up = relationship.removesuffix("__r") + "__c"
            self._add(object_name, look_up, f"reference {look_up} as {relationship} cu")
            return look_up
        if reference is None:
            return None
        return "User" if "User" in reference.reference_to else reference.reference_to[0]

    def _has(self, object_name: str, name: str, value: Any) -> bool:
        """Whether the object has the field; a custom one comes into being, and gets the type of its first value."""
        there = self.type_named(object_name).fields.get(name)
        is_custom = name.endswith("__c") or name == "CurrencyIsoCode"
        if is_custom and (object_name, name) not in self._declared:
            declared = _type_of(value)
            if there is None or (there.type == "string" and there.custom and declared != _TEXT):
                self._add(object_name, name, declared)
            elif there.type == "double" and _scale(value) > there.scale:
                self._add(object_name, name, f"double 18,{_scale(value)} cu")
        return name in self.type_named(object_name).fields

    def _add(self, object_name: str, name: str, declared: str) -> None:
        self._types[object_name] = self.type_named(object_name).with_fields([parse_field(name, declared)])


def _first_type(object_name: str) -> ObjectType:
    standard = standard_objects()
    if object_name in standard:
        kind = standard[object_name]
        return kind.with_fields(without=[name for name, one in kind.fields.items() if one.multi_currency])
    if object_name.endswith("History"):
        tracked = object_name.removesuffix("__History") + "__c" if object_name.endswith("__History") else ""
        tracked = tracked or object_name.removesuffix("FieldHistory").removesuffix("History")
        return history_object(object_name, _first_type(tracked))
    return custom_object(object_name)


def _type_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean cu"
    if isinstance(value, (int, Decimal)):
        return f"double 18,{_scale(value)} cu"
    if isinstance(value, str) and _DATE.match(value):
        return "date cu"
    if isinstance(value, str) and _TIME.match(value):
        return "datetime cu"
    return _TEXT


def _scale(value: Any) -> int:
    """Digits behind the point."""
    return max(0, -int(value.as_tuple().exponent)) if isinstance(value, Decimal) else 0
