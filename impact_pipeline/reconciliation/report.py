"""reconciliation.* for people: rows for the command line, and the queries that anybody can paste into DuckDB."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from impact_pipeline.warehouse.sql import sql_file

QUERIES = Path(__file__).parent / "queries"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Named columns and their rows."""

    names: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def records(self) -> list[dict[str, Any]]:
        """The rows as name → value, for --json."""
        return [dict(zip(self.names, row, strict=True)) for row in self.rows]


def queries() -> Mapping[str, str]:
    """The queries to paste into DuckDB, by name; they run unchanged on the readers' copy."""
    return {file.stem: file.read_text("utf-8") for file in sorted(QUERIES.glob("*.sql"))}


def totals(con: duckdb.DuckDBPyConnection) -> Answer:
    """One row per event type, month and currency, with all three sides."""
    return _answer(con, queries()["where_everything_stands"])


def open_differences(con: duckdb.DuckDBPyConnection) -> Answer:
    """Every key that somebody should look at, the most urgent first, with reason and remedy."""
    return _answer(con, queries()["what_is_open"])


def lock_calendar(con: duckdb.DuckDBPyConnection) -> Answer:
    """Day by day, the newest first: what locks, and what is open among it."""
    return _answer(con, queries()["what_locks_next"])


def deltas(con: duckdb.DuckDBPyConnection) -> Answer:
    """Per day, event type and kind (new, changed, reversed, restored): how amounts and payouts at impact.com moved."""
    return _answer(con, queries()["what_changed_over_time"])


def not_ours(con: duckdb.DuckDBPyConnection) -> Answer:
    """Actions under keys that we did not send, by where they seem to come from."""
    return _answer(con, queries()["what_is_not_ours"])


def as_of(con: duckdb.DuckDBPyConnection) -> Answer:
    """One row: the pinned org and program, and up to when each side was read."""
    return _answer(con, sql_file(__file__, "as_of.sql"))


def classes(con: duckdb.DuckDBPyConnection) -> Answer:
    """How many keys are in each class, and how many of them are open, in the order of the classes."""
    return _answer(con, sql_file(__file__, "count_by_class.sql"))


def funnel(con: duckdb.DuckDBPyConnection) -> Answer:
    """Per event type: expected, sent, processed, credited and matched, in counts."""
    return _answer(con, sql_file(__file__, "funnel.sql"))


def latency(con: duckdb.DuckDBPyConnection) -> Answer:
    """Per event type: how long conversions of the newest 30 days took until they were sent and ended, in seconds."""
    return _answer(con, sql_file(__file__, "latency.sql"))


def open_summary(con: duckdb.DuckDBPyConnection) -> Answer:
    """Open differences by class and reason: how many, their money on both sides, and since when."""
    return _answer(con, sql_file(__file__, "open_summary.sql"))


def unbalanced(con: duckdb.DuckDBPyConnection) -> Answer:
    """The lines of reconciliation.totals whose equations do not hold; none when all is well."""
    return _answer(con, sql_file(__file__, "unbalanced.sql"))


def differing(con: duckdb.DuckDBPyConnection) -> Answer:
    """The lines of reconciliation.totals in which impact.com shows other money than it should."""
    return _answer(con, sql_file(__file__, "differing.sql"))


def _answer(con: duckdb.DuckDBPyConnection, sql: str) -> Answer:
    cursor = con.execute(sql)
    names = tuple(column[0] for column in cursor.description or ())
    return Answer(names=names, rows=tuple(cursor.fetchall()))
