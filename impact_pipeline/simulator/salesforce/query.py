"""Answers parsed SOQL from an org's tables: checks names against what the user may see, plans, filters, sorts."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from impact_pipeline.simulator.salesforce.org import Org
from impact_pipeline.simulator.salesforce.schema import Field, ObjectType
from impact_pipeline.simulator.salesforce.soql import (
    Call,
    Comparison,
    Condition,
    Expression,
    Literal,
    Logical,
    Path,
    Query,
    SoqlError,
    place,
)
from impact_pipeline.simulator.salesforce.table import SORTED_FIELDS
from impact_pipeline.simulator.salesforce.values import (
    COMPOUND_TYPES,
    ID_TYPES,
    NUMBER_TYPES,
    WHOLE_TYPES,
    Record,
    Value,
    full_id,
    moment_text,
)

HELP = (
    "If you are attempting to use a custom {what}, be sure to append the '{ending}' after the {name}. Please "
    "reference your WSDL or the describe call for the appropriate names."
)
Reader = Callable[[Record], Value]
Test = Callable[[Record], bool]


@dataclass(frozen=True, kw_only=True)
class Column:
    """A selected field: the lookups to follow, then the field, all spelled as describe spells them."""

    relationships: tuple[str, ...]
    lookups: tuple[Field, ...]
    field: Field

    @property
    def name(self) -> str:
        return ".".join((*self.relationships, self.field.name))


@dataclass(frozen=True, kw_only=True)
class Found:
    """
    What a query found.

    `rows` are records to be shown by `columns`; an aggregate query has `groups` instead, alias to (type, value).
    `total` is totalSize.
    """

    kind: ObjectType
    columns: tuple[Column, ...]
    rows: Sequence[Record]
    groups: Sequence[dict[str, tuple[str, Value]]]
    total: int


def run(org: Org, query: Query, *, with_deleted: bool) -> Found:
    """
    The answer as of now. The caller holds the org's lock.

    Raises SoqlError: INVALID_TYPE, INVALID_FIELD, MALFORMED_QUERY and others, worded as Salesforce words them.
    """
    return _Run(org, query).answer(with_deleted=with_deleted)


class _Run:
    def __init__(self, org: Org, query: Query) -> None:
        self._org = org
        self._query = query
        kind = org.visible_types().get(query.sobject.lower())
        if kind is None:
            raise SoqlError(
                "INVALID_TYPE",
                f"{place(query.text, query.sobject_at)}sObject type '{query.sobject}' is not supported. "
                + HELP.format(what="object", ending="__c", name="entity name"),
            )
        self._kind = kind

    def answer(self, *, with_deleted: bool) -> Found:
        query, columns = self._query, []
        if not query.is_aggregate:
            columns = [self._column(item.expression) for item in query.selected if isinstance(item.expression, Path)]
        self._check_grouping()
        test = self._test(query.where) if query.where is not None else None
        rows = self._candidates(query.where)
        if not with_deleted and "IsDeleted" in self._kind.fields:
            rows = [row for row in rows if not row.get("IsDeleted")]
        if self._org.hides_records:
            rows = [row for row in rows if self._org.is_visible(row)]
        if test is not None:
            rows = [row for row in rows if test(row)]
        if query.is_count:
            total = len(rows) if query.limit is None else min(len(rows), query.limit)
            return Found(kind=self._kind, columns=(), rows=(), groups=(), total=total)
        if query.is_aggregate:
            groups = self._groups(rows)[query.offset :][: query.limit]
            return Found(kind=self._kind, columns=(), rows=(), groups=groups, total=len(groups))
        for order in reversed(query.order_by):
            rows = self._sorted(rows, self._reader(order.expression), order.descending, order.nulls_last)
        if query.offset or query.limit is not None:
            rows = rows[query.offset :][: query.limit]
        return Found(kind=self._kind, columns=tuple(columns), rows=rows, groups=(), total=len(rows))

    # Names

    def _column(self, path: Path) -> Column:
        kind = self._kind
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
                    f"{place(self._query.text, path.at)}Didn't understand relationship '{step}' in field path. "
                    + HELP.format(what="relationship", ending="__r", name="custom relationship name"),
                )
            relationships.append(str(lookup.relationship_name))
            lookups.append(lookup)
            kind = parent
        item = kind.field(path.parts[-1])
        if item is None:
            raise SoqlError(
                "INVALID_FIELD",
                f"{place(self._query.text, path.at)}No such column '{path.parts[-1]}' on entity '{kind.name}'. "
                + HELP.format(what="field", ending="__c", name="custom field name"),
            )
        return Column(relationships=tuple(relationships), lookups=tuple(lookups), field=item)

    def _check_grouping(self) -> None:
        query = self._query
        if not query.is_aggregate:
            return
        grouped = {_key(expression) for expression in query.group_by}
        for item in query.selected:
            plain = isinstance(item.expression, Path) or item.expression.function in DATE_FUNCTIONS
            if plain and _key(item.expression) not in grouped:
                raise SoqlError(
                    "MALFORMED_QUERY",
                    f"{place(query.text, item.expression.at)}Field must be grouped or aggregated: "
                    f"{_key(item.expression)}",
                )

    # Values

    def _reader(self, expression: Expression) -> Reader:
        if isinstance(expression, Call):
            function = DATE_FUNCTIONS.get(expression.function)
            if function is None or expression.path is None:
                raise SoqlError("MALFORMED_QUERY", f"{place(self._query.text, expression.at)}unexpected token: '('")
            inner = self._reader(expression.path)
            return lambda row: None if (value := inner(row)) is None else function(str(value))
        column = self._column(expression)
        name = column.field.name
        if not column.lookups:
            return lambda row: row.get(name)
        follow = _follower(self._org, column.lookups)
        return lambda row: parent.get(name) if (parent := follow(row)) is not None else None

    def _type(self, expression: Expression) -> str:
        if isinstance(expression, Call):
            if expression.function == "DAY_ONLY":
                return "date"
            if expression.function in ("MIN", "MAX") and expression.path is not None:
                return self._column(expression.path).field.type
            return "double" if expression.function in ("SUM", "AVG") else "int"
        return self._column(expression).field.type

    # Filters

    def _test(self, condition: Condition) -> Test:
        if isinstance(condition, Comparison):
            return self._comparison(condition)
        tests = [self._test(operand) for operand in condition.operands]
        if condition.operator == "NOT":
            return lambda row: not tests[0](row)
        if condition.operator == "OR":
            return lambda row: any(test(row) for test in tests)
        return lambda row: all(test(row) for test in tests)

    def _comparison(self, comparison: Comparison) -> Test:
        read, type_name = self._reader(comparison.left), self._type(comparison.left)
        if isinstance(comparison.left, Path):
            item = self._column(comparison.left).field
            if not item.filterable or item.type in COMPOUND_TYPES:
                raise SoqlError(
                    "INVALID_FIELD",
                    f"{place(self._query.text, comparison.left.at)}field '{item.name}' can not be filtered in a "
                    "query call",
                )
        values = [self._operand(comparison, type_name, literal) for literal in comparison.values]
        fold = type_name not in ID_TYPES
        if comparison.operator in ("IN", "NOT IN", "=", "!="):
            wanted = {_folded(value) if fold else value for value in values}
            expected = comparison.operator in ("IN", "=")
            if fold and any(isinstance(value, str) for value in values):
                return lambda row: (_folded(read(row)) in wanted) is expected
            return lambda row: (read(row) in wanted) is expected
        if comparison.operator == "LIKE":
            return self._like(comparison, read)
        return _ordering(comparison.operator, read, values[0])

    def _like(self, comparison: Comparison, read: Reader) -> Test:
        pattern = comparison.values[0].text
        translated = "".join({"%": ".*", "_": "."}.get(letter, re.escape(letter)) for letter in pattern)
        compiled = re.compile(translated, re.IGNORECASE | re.DOTALL)
        return lambda row: isinstance(value := read(row), str) and compiled.fullmatch(value) is not None

    def _operand(self, comparison: Comparison, type_name: str, literal: Literal) -> Value:
        """The literal as a kept value of the field's type, which must be of a kind that the field takes."""
        name = comparison.left.text if isinstance(comparison.left, Path) else _key(comparison.left)
        if literal.kind == "null":
            return None
        wanted = _LITERAL_KINDS.get(type_name, "string")
        if literal.kind != wanted:
            quoted = "should be enclosed in quotes" if wanted == "string" else "should not be enclosed in quotes"
            raise SoqlError(
                "INVALID_FIELD",
                f"{place(self._query.text, comparison.left.at)}value of filter criterion for field '{name}' must be "
                f"of type {_TYPE_LABELS.get(type_name, type_name)} and {quoted}",
            )
        if wanted == "datetime":
            return moment_text(datetime.fromisoformat(literal.text).astimezone(UTC))
        if wanted == "number":
            return Decimal(literal.text)
        if wanted == "boolean":
            return literal.text == "true"
        if type_name in ID_TYPES:
            try:
                return full_id(literal.text)
            except ValueError:
                raise SoqlError(
                    "INVALID_QUERY_FILTER_OPERATOR",
                    f"{place(self._query.text, comparison.left.at)}invalid ID field: {literal.text}",
                ) from None
        return literal.text

    # Plan

    def _candidates(self, where: Condition | None) -> list[Record]:
        """The rows that an index lets through, to be tested by the whole condition."""
        table = self._org.table(self._kind.name)
        comparisons = [item for item in _conjuncts(where) if isinstance(item, Comparison)]
        own = [
            (self._column(item.left).field, item)
            for item in comparisons
            if isinstance(item.left, Path) and len(item.left.parts) == 1
        ]
        for item, comparison in own:
            if item.type in ID_TYPES and comparison.operator in ("=", "IN"):
                values = [self._operand(comparison, item.type, literal) for literal in comparison.values]
                if item.type == "id":
                    return table.with_ids(str(value) for value in values)
                if None not in values:
                    return table.with_values(item.name, values)
        for name in SORTED_FIELDS:
            low, high = self._range(where, name)
            if low is not None or high is not None:
                return table.between(name, low, high)
        return list(table)

    def _range(self, condition: Condition | None, name: str) -> tuple[str | None, str | None]:
        """Bounds of the own field `name` that every row must keep for the condition to be true; None: no bound."""
        if isinstance(condition, Comparison):
            left, operator = condition.left, condition.operator
            if not isinstance(left, Path) or len(left.parts) > 1 or self._column(left).field.name != name:
                return None, None
            bound = self._operand(condition, "datetime", condition.values[0])
            low = str(bound) if bound and operator in ("=", ">", ">=") else None
            high = str(bound) if bound and operator in ("=", "<", "<=") else None
            return low, high
        if condition is None or condition.operator == "NOT":
            return None, None
        lows, highs = zip(*(self._range(operand, name) for operand in condition.operands), strict=True)
        if condition.operator == "AND":
            return max(filter(None, lows), default=None), min(filter(None, highs), default=None)
        return None if None in lows else min(lows), None if None in highs else max(highs)

    # Order and groups

    def _sorted(self, rows: list[Record], read: Reader, descending: bool, nulls_last: bool) -> list[Record]:
        nulls = [row for row in rows if read(row) is None]
        valued = [row for row in rows if read(row) is not None] if nulls else rows
        ordered = sorted(valued, key=lambda row: _sort_key(read(row)), reverse=descending)
        return ordered + nulls if nulls_last else nulls + ordered

    def _groups(self, rows: list[Record]) -> list[dict[str, tuple[str, Value]]]:
        query = self._query
        keys = [self._reader(expression) for expression in query.group_by]
        grouped: dict[tuple[Value, ...], list[Record]] = {} if keys else {(): []}
        for row in rows:
            grouped.setdefault(tuple(key(row) for key in keys), []).append(row)
        places = {_key(expression): place for place, expression in enumerate(query.group_by)}
        names = self._group_names()
        described: list[tuple[tuple[Value, ...], dict[str, tuple[str, Value]]]] = []
        for key, members in grouped.items():
            shown: dict[str, tuple[str, Value]] = {}
            for name, item in zip(names, query.selected, strict=True):
                at = places.get(_key(item.expression))
                value = key[at] if at is not None else self._aggregate(item.expression, members)
                shown[name] = (self._type(item.expression), value)
            described.append((key, shown))
        for order in reversed(query.order_by):
            at = places.get(_key(order.expression))
            if at is None:
                raise SoqlError("MALFORMED_QUERY", f"Ordered field must be grouped: {_key(order.expression)}")
            described.sort(
                key=lambda pair, at=at: (pair[0][at] is not None, _sort_key(pair[0][at])),  # type: ignore[misc]
                reverse=order.descending,
            )
        return [shown for _, shown in described]

    def _group_names(self) -> list[str]:
        """Aliases; fields go by their own name, other expressions by expr0, expr1, …"""
        names, unnamed = [], 0
        for item in self._query.selected:
            if item.alias:
                names.append(item.alias)
            elif isinstance(item.expression, Path):
                names.append(item.expression.parts[-1])
            else:
                names.append(f"expr{unnamed}")
                unnamed += 1
        return names

    def _aggregate(self, expression: Expression, rows: list[Record]) -> Value:
        if isinstance(expression, Path) or expression.path is None:
            return len(rows)
        read = self._reader(expression.path)
        values = [value for row in rows if (value := read(row)) is not None]
        return AGGREGATES[expression.function](values)


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


def _conjuncts(condition: Condition | None) -> list[Condition]:
    if condition is None:
        return []
    if isinstance(condition, Logical) and condition.operator == "AND":
        return [part for operand in condition.operands for part in _conjuncts(operand)]
    return [condition]


def _key(expression: Expression) -> str:
    """What makes two spellings of an expression the same."""
    if isinstance(expression, Path):
        return expression.text.lower()
    return f"{expression.function}({expression.path.text.lower() if expression.path else ''})"


def _folded(value: Value) -> Value:
    return value.casefold() if isinstance(value, str) else value


def _sort_key(value: Value) -> Any:
    return value.casefold() if isinstance(value, str) else value if value is not None else 0


def _ordering(operator: str, read: Reader, bound: Value) -> Test:
    """<, <=, >, >=: never true of null."""
    if bound is None:
        return lambda row: False
    limit: Any = bound
    tests: dict[str, Callable[[Any], bool]] = {
        "<": lambda value: value < limit,
        "<=": lambda value: value <= limit,
        ">": lambda value: value > limit,
        ">=": lambda value: value >= limit,
    }
    test = tests[operator]
    return lambda row: (value := read(row)) is not None and bool(test(value))


def _number_of(value: Value) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(int(value or 0))


DATE_FUNCTIONS: dict[str, Callable[[str], Value]] = {
    "DAY_ONLY": lambda text: text[:10],
    "CALENDAR_YEAR": lambda text: int(text[:4]),
    "CALENDAR_MONTH": lambda text: int(text[5:7]),
    "HOUR_IN_DAY": lambda text: int(text[11:13]),
}
AGGREGATES: dict[str, Callable[[Sequence[Value]], Value]] = {
    "COUNT": len,
    "COUNT_DISTINCT": lambda values: len(set(values)),
    "MIN": lambda values: min(values, key=_sort_key, default=None),
    "MAX": lambda values: max(values, key=_sort_key, default=None),
    "SUM": lambda values: sum(map(_number_of, values), Decimal(0)) if values else None,
    "AVG": lambda values: sum(map(_number_of, values), Decimal(0)) / len(values) if values else None,
}
_LITERAL_KINDS = (
    {"datetime": "datetime", "date": "date", "boolean": "boolean"}
    | dict.fromkeys(NUMBER_TYPES, "number")
    | dict.fromkeys(WHOLE_TYPES, "number")
)
_TYPE_LABELS = {"datetime": "dateTime", "double": "double", "reference": "ID", "id": "ID"}
