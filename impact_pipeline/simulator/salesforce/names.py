"""What the names of a query mean in an org, as the integration user sees it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from impact_pipeline.simulator.salesforce.org import Org
from impact_pipeline.simulator.salesforce.schema import Field, ObjectType
from impact_pipeline.simulator.salesforce.soql import Call, Expression, Path, Query, SoqlError, place
from impact_pipeline.simulator.salesforce.values import Record, Value

HELP = (
    "If you are attempting to use a custom {what}, be sure to append the '{ending}' after the {name}. Please "
    "reference your WSDL or the describe call for the appropriate names."
)
Reader = Callable[[Record], Value]


@dataclass(frozen=True, kw_only=True)
class Column:
    """A selected field: the lookups to follow, then the field, all spelled as describe spells them."""

    relationships: tuple[str, ...]
    lookups: tuple[Field, ...]
    field: Field

    @property
    def name(self) -> str:
        return ".".join((*self.relationships, self.field.name))


class Names:
    """
    The names of one query. `kind` is the queried object.

    Raises SoqlError: INVALID_TYPE for an object, INVALID_FIELD for a field or relationship, in Salesforce's words.
    """

    def __init__(self, org: Org, query: Query) -> None:
        self._org = org
        self.query = query
        kind = org.visible_types().get(query.sobject.lower())
        if kind is None:
            raise SoqlError(
                "INVALID_TYPE",
                f"{place(query.text, query.sobject_at)}sObject type '{query.sobject}' is not supported. "
                + HELP.format(what="object", ending="__c", name="entity name"),
            )
        self.kind: ObjectType = kind

    def column(self, path: Path) -> Column:
        """The field behind a path."""
        kind = self.kind
        relationships: list[str] = []
        lookups: list[Field] = []
        for step in path.parts[:-1]:
            if step.lower() == kind.name.lower() and not relationships:
                continue
            lookup = kind.parent(step)
            targets = [self._org.visible_types().get(name.lower()) for name in lookup.reference_to] if lookup else []
            parent = next((target for target in targets if target is not None), None)
            if lookup is None or parent is None:
                raise SoqlError(
                    "INVALID_FIELD",
                    f"{place(self.query.text, path.at)}Didn't understand relationship '{step}' in field path. "
                    + HELP.format(what="relationship", ending="__r", name="custom relationship name"),
                )
            relationships.append(str(lookup.relationship_name))
            lookups.append(lookup)
            kind = parent
        item = kind.field(path.parts[-1])
        if item is None:
            raise SoqlError(
                "INVALID_FIELD",
                f"{place(self.query.text, path.at)}No such column '{path.parts[-1]}' on entity '{kind.name}'. "
                + HELP.format(what="field", ending="__c", name="custom field name"),
            )
        return Column(relationships=tuple(relationships), lookups=tuple(lookups), field=item)

    def reader(self, expression: Expression) -> Reader:
        """A function that gives the expression's value of a record."""
        if isinstance(expression, Call):
            function = DATE_FUNCTIONS.get(expression.function)
            if function is None or expression.path is None:
                raise SoqlError("MALFORMED_QUERY", f"{place(self.query.text, expression.at)}unexpected token: '('")
            inner = self.reader(expression.path)
            return lambda row: None if (value := inner(row)) is None else function(str(value))
        column = self.column(expression)
        name = column.field.name
        if not column.lookups:
            return lambda row: row.get(name)
        follow = _follower(self._org, column.lookups)
        return lambda row: parent.get(name) if (parent := follow(row)) is not None else None

    def type_of(self, expression: Expression) -> str:
        """The field type of the expression's values."""
        if isinstance(expression, Call):
            if expression.function == "DAY_ONLY":
                return "date"
            if expression.function in ("MIN", "MAX") and expression.path is not None:
                return self.column(expression.path).field.type
            return "double" if expression.function in ("SUM", "AVG") else "int"
        return self.column(expression).field.type


def parents_of(org: Org, rows: Iterable[Record | None], lookup: Field) -> list[Record | None]:
    """For each row the record that its lookup points to, None where it is empty."""
    tables = [org.table(name).rows for name in lookup.reference_to if name in org.known_names()]
    name = lookup.name
    if len(tables) == 1:
        only = tables[0]
        return [None if row is None else only.get(str(row.get(name))) for row in rows]
    return [
        None if row is None else next((found for table in tables if (found := table.get(str(row.get(name))))), None)
        for row in rows
    ]


def _follower(org: Org, lookups: tuple[Field, ...]) -> Callable[[Record], Record | None]:
    def follow(row: Record) -> Record | None:
        found: Record | None = row
        for lookup in lookups:
            found = parents_of(org, [found], lookup)[0]
        return found

    return follow


def key_of(expression: Expression) -> str:
    """What makes two spellings of an expression the same."""
    if isinstance(expression, Path):
        return expression.text.lower()
    return f"{expression.function}({expression.path.text.lower() if expression.path else ''})"


DATE_FUNCTIONS: dict[str, Callable[[str], Value]] = {
    "DAY_ONLY": lambda text: text[:10],
    "CALENDAR_YEAR": lambda text: int(text[:4]),
    "CALENDAR_MONTH": lambda text: int(text[5:7]),
    "HOUR_IN_DAY": lambda text: int(text[11:13]),
}
