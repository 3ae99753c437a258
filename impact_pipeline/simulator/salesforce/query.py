"""Answers parsed SOQL from an org's tables: filters, groups, sorts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from impact_pipeline.simulator.salesforce.filtering import Filter
from impact_pipeline.simulator.salesforce.grouping import check_grouping, groups, sort_key
from impact_pipeline.simulator.salesforce.names import Column, Names, key_of
from impact_pipeline.simulator.salesforce.org import Org
from impact_pipeline.simulator.salesforce.schema import ObjectType
from impact_pipeline.simulator.salesforce.soql import Order, Path, Query, SoqlError
from impact_pipeline.simulator.salesforce.values import ID_TYPES, Record, Value

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
    names = Names(org, query)
    kind, columns = names.kind, []
    if not query.is_aggregate:
        columns = [names.column(item.expression) for item in query.selected if isinstance(item.expression, Path)]
    check_grouping(query)
    condition = Filter(org, names, lambda inner: _values(org, inner, with_deleted=with_deleted))
    rows, already_by = condition.rows()
    if not with_deleted and "IsDeleted" in kind.fields:
        rows = [row for row in rows if not row.get("IsDeleted")]
    if org.hides_records:
        rows = [row for row in rows if org.is_visible(kind.name, row)]
    if query.is_count:
        total = len(rows) if query.limit is None else min(len(rows), query.limit)
        return Found(kind=kind, columns=(), rows=(), groups=(), total=total)
    if query.is_aggregate:
        grouped = groups(names, rows)[query.offset :][: query.limit]
        if len(grouped) > MOST_GROUPS:
            raise SoqlError(
                "EXCEEDED_ID_LIMIT",
                "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch",
            )
        return Found(kind=kind, columns=(), rows=(), groups=grouped, total=len(grouped))
    rows = _ordered(names, rows, already_by)
    if query.offset or query.limit is not None:
        rows = rows[query.offset :][: query.limit]
    return Found(kind=kind, columns=tuple(columns), rows=rows, groups=(), total=len(rows))


def span(org: Org, query: Query) -> timedelta:
    """
    How long a time a query for records has to look through: between the bounds of its stamps, or of a subquery's;
    nothing for the records of named Ids and for aggregates; timedelta.max without a lower bound.
    """
    if query.is_aggregate:
        return timedelta(0)
    return Filter(org, Names(org, query), lambda inner: _values(org, inner, with_deleted=True)).span()


def _values(org: Org, query: Query, *, with_deleted: bool) -> list[Value]:
    """What the subquery of a semi-join selects, without nulls."""
    read = Names(org, query).reader(query.selected[0].expression)
    rows = run(org, query, with_deleted=with_deleted).rows
    return [value for row in rows if (value := read(row)) is not None]


def _ordered(names: Names, rows: list[Record], already_by: str | None) -> list[Record]:
    """The rows in the query's order; those of an index follow its field, then the Id."""
    orders = names.query.order_by
    keys = [key_of(order.expression) for order in orders if not order.descending]
    if already_by and len(keys) == len(orders) and keys in ([already_by.lower()], [already_by.lower(), "id"]):
        return rows
    for order in reversed(orders):
        rows = _sorted(names, rows, order)
    return rows


def _sorted(names: Names, rows: list[Record], order: Order) -> list[Record]:
    read, is_id = names.reader(order.expression), names.type_of(order.expression) in ID_TYPES
    nulls = [row for row in rows if read(row) is None]
    valued = [row for row in rows if read(row) is not None] if nulls else rows
    # Upper and lower case are one in text, but not in Ids.
    key: Callable[[Record], Any] = read if is_id else lambda row: sort_key(read(row))
    ordered = sorted(valued, key=key, reverse=order.descending)
    return ordered + nulls if order.nulls_last else nulls + ordered
