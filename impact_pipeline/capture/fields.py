"""
What describe says about an object: which fields there are and which columns they become. Pure.

Source of the types: Salesforce's REST API guide, sObject Describe.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Objects or lists inside a record, or refused by bulk jobs: their parts are fields of their own.
SKIPPED_TYPES = frozenset({"address", "location", "base64", "complexvalue", "json"})
_NUMBERS = frozenset({"currency", "double", "percent"})
# Numbers may grow beyond what describe said when they were first seen; up to here a wider column costs nothing.
LEAST_PRECISION = 18
_FIXED = {
    "boolean": "BOOLEAN",
    "int": "BIGINT",
    "long": "BIGINT",
    "date": "DATE",
    "datetime": "TIMESTAMP WITH TIME ZONE",
}


@dataclass(frozen=True, kw_only=True)
class Field:
    """
    One field of a describe answer; `length`, `precision` and `scale` are None where they mean nothing.

    Args:
        is_calculated: a formula, whose changes move no stamp. A roll-up summary is calculated without a formula and
            does move it.
        is_permissionable: whether a permission set may grant it; required and system fields come with the object.
    """

    name: str
    label: str
    type: str
    length: int | None
    precision: int | None
    scale: int | None
    is_calculated: bool
    is_permissionable: bool
    reference_to: tuple[str, ...]
    relationship_name: str | None

    @property
    def is_id(self) -> bool:
        return self.type in ("id", "reference", "masterrecord")

    @property
    def form(self) -> str:
        """Values are compared only with values of the same form: another type or scale writes equal ones otherwise."""
        if self.type in _NUMBERS or self.duckdb_type == "BIGINT":
            return f"number {self.scale or 0}"
        return {"BOOLEAN": "boolean", "DATE": "date"}.get(self.duckdb_type, "text" if self._is_text else "datetime")

    @property
    def _is_text(self) -> bool:
        return self.duckdb_type == "VARCHAR"

    @property
    def duckdb_type(self) -> str:
        """The column's type. Unknown types are text; values are never guessed from their look."""
        if self.type in _NUMBERS:
            return f"DECIMAL({max(LEAST_PRECISION, self.precision or 0)},{self.scale or 0})"
        return _FIXED.get(self.type, "VARCHAR")


@dataclass(frozen=True, kw_only=True)
class Description:
    """
    An object as describe lists it to the integration user; `fields` by name, in Salesforce's spelling.

    Args:
        skipped: fields of types that are not captured: name → type.
    """

    name: str
    fields: Mapping[str, Field]
    skipped: Mapping[str, str]
    is_replicateable: bool

    @property
    def cursor_field(self) -> str:
        """The field whose windows are read; history objects have no stamp but never change either."""
        for name in ("SystemModstamp", "CreatedDate"):
            if name in self.fields:
                return name
        raise ValueError(
            f"{self.name} shows the integration user neither SystemModstamp nor CreatedDate, so nothing tells what is "
            "new. Check the user's permissions on the object, or take it out of the config."
        )

    @property
    def tells_deletes(self) -> bool:
        return self.is_replicateable and "IsDeleted" in self.fields

    def reference_named(self, relationship_name: str) -> Field | None:
        """The reference that a path follows by `relationship_name` (Account, Foo__r), or None."""
        wanted = relationship_name.lower()
        for field in self.fields.values():
            if field.relationship_name is not None and field.relationship_name.lower() == wanted:
                return field
        return None

    def spelled(self, name: str) -> str | None:
        """Salesforce's own spelling of a field name, or None where the field isn't listed."""
        if name in self.fields:
            return name
        wanted = name.lower()
        return next((field for field in self.fields if field.lower() == wanted), None)

    def skipped_type(self, name: str) -> str | None:
        """The type of a field that is not captured for its type."""
        return next((kind for field, kind in self.skipped.items() if field.lower() == name.lower()), None)


def description(answer: Mapping[str, Any]) -> Description:
    """The part of a describe answer that capture works with; fields that can't be selected everywhere are left out."""
    fields = [_field(entry) for entry in answer["fields"] if not entry.get("deprecatedAndHidden")]
    return Description(
        name=answer["name"],
        fields={field.name: field for field in fields if field.type not in SKIPPED_TYPES},
        skipped={field.name: field.type for field in fields if field.type in SKIPPED_TYPES},
        is_replicateable=bool(answer.get("replicateable")),
    )


def _field(entry: Mapping[str, Any]) -> Field:
    is_number = entry["type"] in _NUMBERS
    return Field(
        name=entry["name"],
        label=str(entry.get("label") or entry["name"]),
        type=entry["type"],
        length=int(entry.get("length") or 0) or None,
        precision=int(entry.get("precision") or 0) or None if is_number else None,
        scale=int(entry.get("scale") or 0) if is_number else None,
        is_calculated=bool(entry.get("calculated")) and entry.get("calculatedFormula", "") is not None,
        is_permissionable=bool(entry.get("permissionable")),
        reference_to=tuple(entry.get("referenceTo") or ()),
        relationship_name=entry.get("relationshipName"),
    )
