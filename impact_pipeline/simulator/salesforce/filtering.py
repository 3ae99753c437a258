"""WHERE: which records meet a condition, and which of them an index finds without a look at all."""

import re
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from impact_pipeline.simulator.salesforce.names import Names, Reader, key_of
from impact_pipeline.simulator.salesforce.org import Org
from impact_pipeline.simulator.salesforce.schema import Field
from impact_pipeline.simulator.salesforce.soql import (
    Comparison,
    Condition,
    Literal,
    Logical,
    Path,
    Query,
    SemiJoin,
    SoqlError,
    place,
)
from impact_pipeline.simulator.salesforce.table import AFTER_ANY_ID, SORTED_FIELDS
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
Ask = Callable[[Query], list[Value]]


class Filter:
    """
    The condition of one query.

    Args:
        ask: answers the subquery of a semi-join: the values of its one column.

    Raises SoqlError for what the condition may not say.
    """

    def __init__(self, org: Org, names: Names, ask: Ask) -> None:
        self._org = org
        self._names = names
        self._ask = ask
        self._query = names.query
        self._where = names.query.where
        self._joined: dict[SemiJoin, dict[Value, None]] = {}

    def rows(self) -> tuple[list[Record], str | None]:
        """The records that meet the condition, and the field whose order they follow, ties by Id; None: no such one."""
        table = self._org.table(self._names.kind.name)
        if self._where is None:
            return list(table), None
        test = self._test(self._where)
        for item, values in self._keys():
            if item.type == "id":
                found = table.with_ids(str(value) for value in values)
            elif None not in values:
                found = table.with_values(item.name, values)
            else:
                continue
            return [row for row in found if test(row)], None
        for name in SORTED_FIELDS:
            low, high = self._range(self._where, name)
            if low is not None or high is not None:
                found = table.between(name, low, high)
                return found if self._is_range(name) else [row for row in found if test(row)], name
        return [row for row in table if test(row)], None

    def span(self) -> timedelta:
        """See `query.span`."""
        joined = [item for item in _conjuncts(self._where) if isinstance(item, SemiJoin) and not item.is_negated]
        if len(self._keys()) > len(joined):
            return timedelta(0)
        spans = [Filter(self._org, Names(self._org, item.query), self._ask).span() for item in joined]
        now = moment_text(self._org.clock.now())
        for name in SORTED_FIELDS:
            low, high = self._range(self._where, name)
            if low is not None:
                end = min(now, now if high is None else high.removesuffix(AFTER_ANY_ID))
                spans.append(moment_of(end) - moment_of(low.removesuffix(AFTER_ANY_ID)))
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

    def _keys(self) -> list[tuple[Field, Collection[Value]]]:
        """The own Id or lookup fields that every row must have one of the given values in."""
        keys: list[tuple[Field, Collection[Value]]] = []
        for item in _conjuncts(self._where):
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
            selected = joined.query.selected[0].expression
            compared = (self._names.type_of(joined.left), Names(self._org, joined.query).type_of(selected))
            if not ID_TYPES.issuperset(compared):
                raise SoqlError(
                    "MALFORMED_QUERY",
                    f"{place(self._query.text, joined.left.at)}The left operand and the inner select of a semi join "
                    "must be an ID or a reference field",
                )
            self._joined[joined] = dict.fromkeys(self._ask(joined.query))
        return self._joined[joined]

    def _range(self, condition: Condition | None, name: str) -> tuple[str | None, str | None]:
        """
        Bounds of the own field `name` that every row must keep for the condition to be true, in the form that
        `Table.between` takes; None: no bound.
        """
        if isinstance(condition, Comparison):
            left, operator = condition.left, condition.operator
            if not isinstance(left, Path) or len(left.parts) > 1 or self._names.column(left).field.name != name:
                return None, None
            bound = self._operand(condition, "datetime", condition.values[0])
            if bound is None:
                return None, None
            first, last = str(bound), f"{bound}{AFTER_ANY_ID}"
            low = {"=": first, ">=": first, ">": last}.get(operator)
            high = {"=": last, "<=": last, "<": first}.get(operator)
            return low, high
        if not isinstance(condition, Logical) or condition.operator == "NOT":
            return None, None
        lows, highs = zip(*(self._range(operand, name) for operand in condition.operands), strict=True)
        if condition.operator == "AND":
            return max(filter(None, lows), default=None), min(filter(None, highs), default=None)
        return None if None in lows else min(lows), None if None in highs else max(highs)

    def _is_range(self, name: str) -> bool:
        """Whether the condition says no more than that the own field `name` is between bounds."""
        return all(
            isinstance(item, Comparison) and self._range(item, name) != (None, None) for item in _conjuncts(self._where)
        )


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
