"""Follows the paths of the mapping (Account.Name, Product2.Family) through the captured tables, as joins."""

from dataclasses import dataclass, field
from datetime import datetime

import duckdb

from impact_pipeline.config.expressions import STARTS, FieldPath
from impact_pipeline.config.files import suggestion
from impact_pipeline.config.types import FieldType
from impact_pipeline.warehouse.sql import quote_identifier


class UnknownPath(ValueError):
    """A path of the configuration leads to a field that was not captured; names the object, the field, the remedy."""


@dataclass(frozen=True, kw_only=True)
class Typed:
    """A piece of SQL and the DuckDB type of its value."""

    sql: str
    type: str


@dataclass(frozen=True, kw_only=True)
class Captured:
    """
    What raw.* holds: the type of each column by object, and where relationships lead.

    Args:
        types: object → field → DuckDB type.
        references: object → relationship name → (field that refers, object referred to).
        described: object → field → Salesforce's type.
        through: object → the time through which it has been read, UTC.
    """

    types: dict[str, dict[str, str]]
    references: dict[str, dict[str, tuple[str, str]]]
    described: dict[str, dict[str, str]] = field(default_factory=dict)
    through: dict[str, datetime] = field(default_factory=dict)

    def has(self, object_name: str, field_name: str) -> bool:
        return field_name in self.types.get(object_name, {})

    def place_of(self, object_name: str, path: FieldPath) -> tuple[str, str] | None:
        """The object and the field that a path leads to; None where it leads nowhere."""
        at = STARTS.get(path.start, object_name)
        for step in path.parts[:-1]:
            reference = self.references.get(at, {}).get(step)
            if reference is None:
                return None
            at = reference[1]
        return (at, path.parts[-1]) if self.has(at, path.parts[-1]) else None

    def type_of(self, object_name: str, path: FieldPath) -> FieldType | None:
        """The type of the field that a path leads to; None where it leads nowhere."""
        place = self.place_of(object_name, path)
        if place is None:
            return None
        at, field_name = place
        described = self.described.get(at, {}).get(field_name, "")
        return FieldType(column=self.types[at][field_name], described=described)


def captured(con: duckdb.DuckDBPyConnection) -> Captured:
    """Read what was captured from raw._field. A reference to several objects is followed to User, else the first."""
    types: dict[str, dict[str, str]] = {}
    references: dict[str, dict[str, tuple[str, str]]] = {}
    described: dict[str, dict[str, str]] = {}
    rows = con.execute(
        "select f.object, f.field, f.type, c.data_type, f.relationship_name, f.reference_to from raw._field as f "
        "join duckdb_columns() as c on c.schema_name = 'raw' and c.table_name = f.object and c.column_name = f.field"
    ).fetchall()
    for object_name, field_name, salesforce_type, duckdb_type, relationship, targets in rows:
        types.setdefault(object_name, {})[field_name] = duckdb_type
        described.setdefault(object_name, {})[field_name] = salesforce_type
        if relationship and targets:
            target = "User" if "User" in targets else targets[0]
            references.setdefault(object_name, {})[relationship] = (field_name, target)
    through = dict(con.execute("select object, max(cursor) from audit.extraction group by object").fetchall())
    return Captured(types=types, references=references, described=described, through=through)


@dataclass
class Joins:
    """
    The joins that the paths from one relation need.

    Args:
        root: alias of the relation that paths start from, whose columns are those of `object_name`.
        root_prefix: what the names of its columns start with.
        fields: those of its columns that were asked for so far, without the prefix.
    """

    captured: Captured
    object_name: str
    root: str
    prefix: str = "r"
    root_prefix: str = ""
    sql: list[str] = field(default_factory=list)
    fields: set[str] = field(default_factory=set)
    _known: dict[tuple[str, ...], tuple[str, str]] = field(default_factory=dict)

    def column(self, path: tuple[str, ...], *, optional: bool = False) -> Typed:
        """
        The column that a path of relationship names and one field name leads to.

        Raises:
            UnknownPath: the field, or a relationship on the way, was not captured and the path is not optional.
        """
        try:
            alias, object_name = self._follow(path[:-1])
            if not self.captured.has(object_name, path[-1]):
                near = suggestion(path[-1], self.captured.types.get(object_name, {}))
                raise UnknownPath(
                    f"{object_name} has no captured field {path[-1]}: the org lacks it, hides it from the "
                    "integration user, or no cycle has read it yet. Grant access to it, take it out of the "
                    "configuration, or write "
                    f"{{{'.'.join(path)}?}} in a template to do without it. {near}".rstrip()
                )
        except UnknownPath:
            if optional:
                return Typed(sql="null::varchar", type="VARCHAR")
            raise
        return Typed(sql=self._named(alias, path[-1]), type=self.captured.types[object_name][path[-1]])

    def _named(self, alias: str, field_name: str) -> str:
        if alias != self.root:
            return f"{alias}.{quote_identifier(field_name)}"
        self.fields.add(field_name)
        return f"{alias}.{quote_identifier(self.root_prefix + field_name)}"

    def _follow(self, relationships: tuple[str, ...]) -> tuple[str, str]:
        if not relationships:
            return self.root, self.object_name
        if relationships not in self._known:
            alias, object_name = self._follow(relationships[:-1])
            reference = self.captured.references.get(object_name, {}).get(relationships[-1])
            if reference is None:
                raise UnknownPath(f"{object_name} has no captured relationship {relationships[-1]}")
            field_name, target = reference
            if "Id" not in self.captured.types.get(target, {}):
                raise UnknownPath(f"{target}, to which {object_name}.{relationships[-1]} leads, was not captured")
            own = f"{self.prefix}{len(self._known) + 1}"
            self.sql.append(
                f'left join raw.{quote_identifier(target)} as {own} on {own}."Id" = {self._named(alias, field_name)}'
            )
            self._known[relationships] = (own, target)
        return self._known[relationships]
