"""GROUP BY and aggregate functions."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from impact_pipeline.simulator.salesforce.names import DATE_FUNCTIONS, Names, key_of
from impact_pipeline.simulator.salesforce.soql import Expression, Path, Query, SoqlError, place
from impact_pipeline.simulator.salesforce.values import Record, Value


def check_grouping(query: Query) -> None:
    """Raises SoqlError (MALFORMED_QUERY) where a plain column of an aggregate query is not grouped."""
    if not query.is_aggregate:
        return
    grouped = {key_of(expression) for expression in query.group_by}
    for item in query.selected:
        plain = isinstance(item.expression, Path) or item.expression.function in DATE_FUNCTIONS
        if plain and key_of(item.expression) not in grouped:
            raise SoqlError(
                "MALFORMED_QUERY",
                f"{place(query.text, item.expression.at)}Field must be grouped or aggregated: "
                f"{key_of(item.expression)}",
            )


def groups(names: Names, rows: list[Record]) -> list[dict[str, tuple[str, Value]]]:
    """One entry per group, shown name to (field type, value); without GROUP BY all rows are one group."""
    query = names.query
    keys = [names.reader(expression) for expression in query.group_by]
    grouped: dict[tuple[Value, ...], list[Record]] = {} if keys else {(): []}
    for row in rows:
        grouped.setdefault(tuple(key(row) for key in keys), []).append(row)
    places = {key_of(expression): place for place, expression in enumerate(query.group_by)}
    shown_names = _shown_names(query)

    def value_of(expression: Expression, key: tuple[Value, ...], members: list[Record]) -> Value:
        at = places.get(key_of(expression))
        if at is not None:
            return key[at]
        if isinstance(expression, Path) or expression.function in DATE_FUNCTIONS:
            raise SoqlError("MALFORMED_QUERY", f"Ordered field must be grouped: {key_of(expression)}")
        return _aggregate(names, expression, members)

    ordered = list(grouped.items())
    for order in reversed(query.order_by):
        values = {key: value_of(order.expression, key, members) for key, members in ordered}
        ordered.sort(
            key=lambda pair: (values[pair[0]] is not None, sort_key(values[pair[0]])), reverse=order.descending
        )
    return [
        {
            name: (names.type_of(item.expression), value_of(item.expression, key, members))
            for name, item in zip(shown_names, query.selected, strict=True)
        }
        for key, members in ordered
    ]


def _shown_names(query: Query) -> list[str]:
    """Aliases; fields go by their own name, other expressions by expr0, expr1, …"""
    names, unnamed = [], 0
    for item in query.selected:
        if item.alias:
            names.append(item.alias)
        elif isinstance(item.expression, Path):
            names.append(item.expression.parts[-1])
        else:
            names.append(f"expr{unnamed}")
            unnamed += 1
    return names


def _aggregate(names: Names, expression: Expression, rows: list[Record]) -> Value:
    if isinstance(expression, Path) or expression.path is None:
        return len(rows)
    read = names.reader(expression.path)
    values = [value for row in rows if (value := read(row)) is not None]
    return AGGREGATES[expression.function](values)


def sort_key(value: Value) -> Any:
    """What values are ordered by: text without heed of case."""
    return value.casefold() if isinstance(value, str) else value if value is not None else 0


def _number_of(value: Value) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(int(value or 0))


AGGREGATES: dict[str, Callable[[Sequence[Value]], Value]] = {
    "COUNT": len,
    "COUNT_DISTINCT": lambda values: len(set(values)),
    "MIN": lambda values: min(values, key=sort_key, default=None),
    "MAX": lambda values: max(values, key=sort_key, default=None),
    "SUM": lambda values: sum(map(_number_of, values), Decimal(0)) if values else None,
    "AVG": lambda values: sum(map(_number_of, values), Decimal(0)) / len(values) if values else None,
}
