"""
Expected events, requests and actions → reconciliation.*: each key in exactly one class, totals that balance.

The comparison takes up the keys with news since the last one and those whose time has come (a wait that ended, an
action that locked); other rows stay as they are, so its cost follows what changed. Each .sql file here is one question;
the answers live in temporary tables until the differing rows are written.

A large table is asked where its rows lie (one column is read, and `rowid` noted), then only those rows are read: DuckDB
skips what lies elsewhere. `select * ... where event_id in (...)` would unpack every column of the whole table.
"""

from dataclasses import dataclass, field
from datetime import datetime

import duckdb

from impact_pipeline.reconciliation.settings import ReconciliationSettings
from impact_pipeline.warehouse.sql import sql_file

# Asked of each slice of the keys; what is asked before and after them is asked once.
QUESTIONS = (
    "own_requests", "own_decisions", "own_amounts",
    "requests", "expected", "corrections", "actions", "facts", "classes", "standing_places", "standing", "status",
)  # fmt: skip


class UnclassifiedError(Exception):
    """A key fits no class: the data is in a state that the closed list does not know. Roll the transaction back."""


@dataclass(frozen=True, kw_only=True)
class ReconciliationCounts:
    """
    What a comparison found.

    Args:
        keys_compared: keys with news or due.
        rows_changed: rows of reconciliation.conversion_status written or removed.
        by_class: all keys by class, in the order of the classes.
        open_by_class: those of them that somebody should look at.
        unbalanced: lines of reconciliation.totals whose equations do not hold; 0 when all is well.
    """

    keys_compared: int
    rows_changed: int
    by_class: dict[str, int] = field(default_factory=dict)
    open_by_class: dict[str, int] = field(default_factory=dict)
    unbalanced: int = 0


def reconcile(
    con: duckdb.DuckDBPyConnection,
    settings: ReconciliationSettings,
    *,
    now: datetime,
    full: bool = False,
    slice_size: int = 200_000,
) -> ReconciliationCounts:
    """
    Bring reconciliation.* up to date in the caller's transaction.

    Without news no row changes. A row's `since` stays while its class does.

    Args:
        now: UTC.
        full: compare every key anew, whatever the cursor says; so do changed settings and erasures.
        slice_size: about how many keys are compared at a time; bounds the memory.

    Raises:
        UnclassifiedError: a key fits no class.
    """
    _declare(con, settings, now=now, full=full)
    _run(con, "seen", "due", "news_actions", "news_events")
    _place(con, "news_event")
    _run(con, "rate_days", "rates", "changed_rates", "due_by_rates")
    _place(con, "due")
    _run(con, "touched", "claimed")
    _place(con, "claimed_event")
    _run(con, "claims")
    con.execute(sql_file(__file__, "scope.sql"), {"slice_size": slice_size})
    keys_compared = _count(con, "select count(*) from scoped")
    rows_changed = sum(
        _compare(con, number) for (number,) in con.execute("select distinct slice from scoped").fetchall()
    )
    if keys_compared:
        # Everything has news then, but for what is gone.
        con.execute(
            "delete from reconciliation.counted_event "
            "where (select is_full from setting) and event_id not in (from news_event)"
        )
        _run(con, "tally", "totals")
        _write_differing(con, "tally", "tally")
        _write_differing(con, "totals", "total")
    _write_differing(con, "implied_rate", "rate")
    con.execute(sql_file(__file__, "news.sql"))
    _write_differing(con, "cursor", "news")
    return _counts(con, keys_compared=keys_compared, rows_changed=rows_changed)


def _declare(con: duckdb.DuckDBPyConnection, settings: ReconciliationSettings, *, now: datetime, full: bool) -> None:
    sha256 = settings.sha256()
    con.execute(
        sql_file(__file__, "setting.sql"),
        {
            "now": now,
            "is_full": full,
            "sha256": sha256,
            "campaign_id": settings.campaign_id,
            "time_zone": settings.time_zone,
            "currency": settings.currency,
            "go_live_at": settings.go_live_at,
            "rate_tolerance": settings.rate_tolerance,
            "action_wait": settings.action_wait,
            "ending_wait": settings.ending_wait,
            "ready_wait": settings.ready_wait,
            "lock_warning": settings.lock_warning,
        },
    )
    con.execute(
        sql_file(__file__, "event_types.sql"),
        {
            "codes": [event_type.code for event_type in settings.event_types],
            "ids": [event_type.action_tracker_id for event_type in settings.event_types],
            "owners": [event_type.owner for event_type in settings.event_types],
        },
    )
    # What is filled step by step.
    con.execute("create or replace temp table placed_event (event_id varchar)")
    con.execute("create or replace temp table request_place (place bigint, event_id varchar)")
    con.execute("create or replace temp table decision_place (place bigint, event_id varchar)")
    con.execute("create or replace temp table moved as from reconciliation.tally limit 0")


def _place(con: duckdb.DuckDBPyConnection, events: str) -> None:
    """Find where the requests of the events, and the decisions on them, lie; those found before are not looked for."""
    con.execute(
        f"create or replace temp table unplaced_event as select event_id from {events} except from placed_event"
    )
    con.execute("insert into placed_event from unplaced_event")
    _run(con, "request_places", "decision_places")


def _compare(con: duckdb.DuckDBPyConnection, number: int) -> int:
    """Compare the keys of one slice; the number of rows that were written or removed."""
    con.execute(sql_file(__file__, "slice.sql"), {"slice": number})
    _run(con, *QUESTIONS)
    _refuse_unclassified(con)
    _count_events(con)
    return _write_status(con)


def _refuse_unclassified(con: duckdb.DuckDBPyConnection) -> None:
    rows = con.execute(
        "select request_id, state, outcome, live_count, reversed_count from classified where class is null limit 3"
    ).fetchall()
    if rows:
        raise UnclassifiedError(
            f"{_count(con, 'select count(*) from classified where class is null')} keys fit no class of "
            f"reconciliation.class, e.g. (request_id, state, outcome, live actions, reversed actions) {rows}. "
            "Nothing is written. Compare these requests with the states that the outbox knows, and report it."
        )


def _write_status(con: duckdb.DuckDBPyConnection) -> int:
    _run(con, "stale", "written", "moved_keys")
    removed = _count(
        con,
        "delete from reconciliation.conversion_status "
        "where rowid in (select place from standing_place where key in (from stale))",
    )
    written = _count(con, "insert into reconciliation.conversion_status by name select * from written")
    return max(removed, written)


def _count_events(con: duckdb.DuckDBPyConnection) -> None:
    """Keep what each event looked at counts for in the totals."""
    _run(con, "countable", "event_counts", "counted_before", "recounted", "moved_events")
    con.execute("delete from reconciliation.counted_event where rowid in (select place from recounted)")
    con.execute(
        "insert into reconciliation.counted_event by name select * exclude (place) from recounted where place is null"
    )


def _write_differing(con: duckdb.DuckDBPyConnection, table: str, source: str) -> None:
    """Make the small table reconciliation.`table` equal to the temporary `source`, touching only rows that differ."""
    con.execute(
        f"delete from reconciliation.{table} where rowid in ("
        f"select o.rowid from reconciliation.{table} as o anti join {source} as n on n is not distinct from o)"
    )
    con.execute(
        f"insert into reconciliation.{table} "
        f"select n.* from {source} as n anti join reconciliation.{table} as o on n is not distinct from o"
    )


def _counts(con: duckdb.DuckDBPyConnection, *, keys_compared: int, rows_changed: int) -> ReconciliationCounts:
    rows = con.execute(sql_file(__file__, "count_by_class.sql")).fetchall()
    return ReconciliationCounts(
        keys_compared=keys_compared,
        rows_changed=rows_changed,
        by_class={name: count for name, count, _ in rows if count},
        open_by_class={name: count for name, _, count in rows if count},
        unbalanced=len(con.execute(sql_file(__file__, "unbalanced.sql")).fetchall()),
    )


def _run(con: duckdb.DuckDBPyConnection, *questions: str) -> None:
    for question in questions:
        con.execute(sql_file(__file__, f"{question}.sql"))


def _count(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    return int(row[0]) if row else 0
