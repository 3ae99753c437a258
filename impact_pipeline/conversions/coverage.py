"""How many events lead to a partner: shares by object and week, as rows and as bars, and the money at stake."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import duckdb

from impact_pipeline.warehouse.charts import Bar
from impact_pipeline.warehouse.sql import sql_file

WEEKS = 12
# What a share is of, by the columns of conversions.coverage: how many have it, and of how many.
SHARES = {
    "click id": ("with_click_id", "events"),
    "customer id": ("with_customer_id", "events"),
    "not only its own Id": ("with_linked_customer_id", "events"),
    "product codes": ("with_product_codes", "told_by_items"),
    "currency": ("with_currency", "with_money"),
}
Rows = list[dict[str, Any]]


def by_object(con: duckdb.DuckDBPyConnection) -> Rows:
    """Counts of all events, a row per object."""
    return [{key: value for key, value in row.items() if key != "week"} for row in _coverage(con, by_week=False)]


def by_week(con: duckdb.DuckDBPyConnection) -> Rows:
    """Counts of the last weeks that had events, a row per object and week, the newest first."""
    return _coverage(con, by_week=True)


def at_stake(con: duckdb.DuckDBPyConnection) -> Rows:
    """Money by object and currency: all, without a click id, and what nobody is likely to be credited for."""
    return _rows(con.execute(sql_file(__file__, "at_stake.sql")))


def share_bars(rows: Rows) -> list[tuple[str, list[Bar]]]:
    """Bars of the shares in percent, by object; what an object has no event for is left out."""
    return [(row["object"], list(_bars(row))) for row in rows]


def _bars(row: dict[str, Any]) -> Iterator[Bar]:
    for place, (label, (having, of)) in enumerate(SHARES.items()):
        if row[of]:
            share = Decimal(100 * row[having]) / row[of]
            yield Bar(label=label, value=share, text=f"{share:.0f} % of {row[of]:,}", colour=place)


def _coverage(con: duckdb.DuckDBPyConnection, *, by_week: bool) -> Rows:
    return _rows(con.execute(sql_file(__file__, "coverage.sql"), {"by_week": by_week, "weeks": WEEKS}))


def _rows(cursor: duckdb.DuckDBPyConnection) -> Rows:
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
