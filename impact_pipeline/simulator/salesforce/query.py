"""Answers parsed SOQL from an org's tables: plans by index, filters, sorts."""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from impact_pipeline.simulator.salesforce.grouping import check_grouping, groups, sort_key
from impact_pipeline.simulator.salesforce.names import Column, Names, Reader, key_of
from impact_pipeline.simulator.salesforce.org import Org
from impact_pipeline.simulator.salesforce.schema import Field, ObjectType
from impact_pipeline.simulator.salesforce.soql import (
    Comparison,
    Condition,
    Literal,
    Logical,
    Order,
    Path,
    Query,
    SemiJoin,
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
    moment_of,
    moment_text,
)

Test = Callable[[Record], bool]
MOST_GROUPS = 2_000


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
    return _Run(org, query, with_deleted=with_deleted).answer()


def span(org: Org, query: Query) -> timedelta:
    """
    How long a time a query for records has to look through: between the bounds of its stamps, or of a subquery's;
    nothing for the records of named Ids and for aggregates; timedelta.max without a lower bound.
    """
    return timedelta(0) if query.is_aggregate else _Run(org, query, with_deleted=True).span()


class _Run:
    def __init__(self, org: Org, query: Query, *, with_deleted: bool) -> None:
        self._org = org
        self._query = query
        self._with_deleted = with_deleted
        self._names = Names(org, query)
        self._kind = self._names.kind
        self._joined: dict[SemiJoin, dict[Value, None]] = {}

    def answer(self) -> Found:
        query, columns = self._query, []
        if not query.is_aggregate:
            columns = [
                self._names.column(item.expression) for item in query.selected if isinstance(item.expression, Path)
            ]
        check_grouping(query)
        test = self._test(query.where) if query.where is not None else None
        rows, already_by = self._candidates(query.where)
        if not self._with_deleted and "IsDeleted" in self._kind.fields:
            rows = [row for row in rows if not row.get("IsDeleted")]
        if self._org.hides_records:
            rows = [row for row in rows if self._org.is_visible(self._kind.name, row)]
        if test is not None:
            rows = [row for row in rows if test(row)]
        if query.is_count:
            total = len(rows) if query.limit is None else min(len(rows), query.limit)
            return Found(kind=self._kind, columns=(), rows=(), groups=(), total=total)
        if query.is_aggregate:
            grouped = groups(self._names, rows)[query.offset :][: query.limit]
            if len(grouped) > MOST_GROUPS:
                raise SoqlError(
                    "EXCEEDED_ID_LIMIT",
                    "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch",
                )
            return Found(kind=self._kind, columns=(), rows=(), groups=grouped, total=len(grouped))
        rows = self._ordered(rows, already_by)
        if query.offset or query.limit is not None:
            rows = rows[query.offset :][: query.limit]
        return Found(kind=self._kind, columns=tuple(columns), rows=rows, groups=(), total=len(rows))

    def span(self) -> timedelta:
        where = self._query.where
        joined = [item for item in _conjuncts(where) if isinstance(item, SemiJoin) and not item.is_negated]
        if len(self._keys(where)) > len(joined):
            return timedelta(0)
        spans = [_Run(self._org, item.query, with_deleted=True).span() for item in joined]
        now = moment_text(self._org.clock.now())
        for name in SORTED_FIELDS:
            low, high = self._range(where, name)
            if low is not None:
                spans.append(moment_of(min(high or now, now)) - moment_of(low))
        return min(spans, default=timedelta.max)

    def _test(self, condition: Condition) -> Test:
        if isinstance(condition, Comparison):
            return self._comparison(condition)
        if isinstance(condition, SemiJoin):
            read, wanted, expected = (
                self._names.reader(condition.left),
                self._values(condition),
                not condition.is_negated,
            )
            return lambda row: (read(row) in wanted) is expected
        tests = [self._test(operand) for operand in condition.operands]
        if condition.operator == "NOT":
            return lambda row: not tests[0](row)
        if condition.operator == "OR":
            return lambda row: any(test(row) for test in tests)
        return lambda row: all(test(row) for test in tests)

    def _comparison(self, comparison: Comparison) -> Test:
        read, type_name = self._names.reader(comparison.left), self._names.type_of(comparison.left)
        if isinstance(comparison.left, Path):
            item = self._names.column(comparison.left).field
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
        name = comparison.left.text if isinstance(comparison.left, Path) else key_of(comparison.left)
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

    def _candidates(self, where: Condition | None) -> tuple[list[Record], str | None]:
        """The rows that an index lets through, to be tested by the whole condition, and the field that they follow."""
        table = self._org.table(self._kind.name)
        for item, values in self._keys(where):
            if item.type == "id":
                return table.with_ids(str(value) for value in values), None
            if None not in values:
                return table.with_values(item.name, values), None
        for name in SORTED_FIELDS:
            low, high = self._range(where, name)
            if low is not None or high is not None:
                return table.between(name, low, high), name
        return list(table), None

    def _keys(self, where: Condition | None) -> list[tuple[Field, Collection[Value]]]:
        """The own Id or lookup fields that every row must have one of the given values in."""
        keys: list[tuple[Field, Collection[Value]]] = []
        for item in _conjuncts(where):
            if (
                not isinstance(item, Comparison | SemiJoin)
                or not isinstance(item.left, Path)
                or len(item.left.parts) > 1
            ):
                continue
            field = self._names.column(item.left).field
            if field.type not in ID_TYPES:
                continue
            if isinstance(item, SemiJoin) and not item.is_negated:
                keys.append((field, self._values(item)))
            elif isinstance(item, Comparison) and item.operator in ("=", "IN"):
                keys.append((field, [self._operand(item, field.type, literal) for literal in item.values]))
        return keys

    def _values(self, joined: SemiJoin) -> dict[Value, None]:
        """What the subquery of a semi-join selects, each once and in order; it is asked once."""
        if joined not in self._joined:
            left = self._names.column(joined.left).field
            inner = _Run(self._org, joined.query, with_deleted=self._with_deleted)
            found = inner.answer()
            column = found.columns[0]
            if left.type not in ID_TYPES or column.field.type not in ID_TYPES:
                raise SoqlError(
                    "MALFORMED_QUERY",
                    f"{place(self._query.text, joined.left.at)}The left operand and the inner select of a semi join "
                    "must be an ID or a reference field",
                )
            read = inner._names.reader(joined.query.selected[0].expression)
            values = (value for row in found.rows if (value := read(row)) is not None)
            self._joined[joined] = dict.fromkeys(values)
        return self._joined[joined]

    def _range(self, condition: Condition | None, name: str) -> tuple[str | None, str | None]:
        """Bounds of the own field `name` that every row must keep for the condition to be true; None: no bound."""
        if isinstance(condition, Comparison):
            left, operator = condition.left, condition.operator
            if not isinstance(left, Path) or len(left.parts) > 1 or self._names.column(left).field.name != name:
                return None, None
            bound = self._operand(condition, "datetime", condition.values[0])
            low = str(bound) if bound and operator in ("=", ">", ">=") else None
            high = str(bound) if bound and operator in ("=", "<", "<=") else None
            return low, high
        if not isinstance(condition, Logical) or condition.operator == "NOT":
            return None, None
        lows, highs = zip(*(self._range(operand, name) for operand in condition.operands), strict=True)
        if condition.operator == "AND":
            return max(filter(None, lows), default=None), min(filter(None, highs), default=None)
        return None if None in lows else min(lows), None if None in highs else max(highs)

    def _ordered(self, rows: list[Record], already_by: str | None) -> list[Record]:
        """The rows in the query's order; those of an index follow its field, then the Id."""
        orders = self._query.order_by
        keys = [key_of(order.expression) for order in orders if not order.descending]
        if already_by and len(keys) == len(orders) and keys in ([already_by.lower()], [already_by.lower(), "id"]):
            return rows
        for order in reversed(orders):
            rows = self._sorted(rows, order)
        return rows

    def _sorted(self, rows: list[Record], order: Order) -> list[Record]:
        read, is_id = self._names.reader(order.expression), self._names.type_of(order.expression) in ID_TYPES
        nulls = [row for row in rows if read(row) is None]
        valued = [row for row in rows if read(row) is not None] if nulls else rows
        # Upper and lower case are one in text, but not in Ids.
        key: Callable[[Record], Any] = read if is_id else lambda row: sort_key(read(row))
        ordered = sorted(valued, key=key, reverse=order.descending)
        return ordered + nulls if order.nulls_last else nulls + ordered


def _conjuncts(condition: Condition | None) -> list[Condition]:
    if condition is None:
        return []
    if isinstance(condition, Logical) and condition.operator == "AND":
        return [part for operand in condition.operands for part in _conjuncts(operand)]
    return [condition]


def _folded(value: Value) -> Value:
    return value.casefold() if isinstance(value, str) else value


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


_LITERAL_KINDS = (
    {"datetime": "datetime", "date": "date", "boolean": "boolean"}
    | dict.fromkeys(NUMBER_TYPES, "number")
    | dict.fromkeys(WHOLE_TYPES, "number")
)
_TYPE_LABELS = {"datetime": "dateTime", "double": "double", "reference": "ID", "id": "ID"}
