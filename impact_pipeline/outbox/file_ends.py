"""impact.com's list of file submissions: which of our files it took, and what became of each conversion in them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb

from impact_pipeline.outbox.impact.client import FILES
from impact_pipeline.outbox.listing import Listing, Reader
from impact_pipeline.outbox.moves import carry_out, list_moves
from impact_pipeline.outbox.settings import OutboxSettings
from impact_pipeline.warehouse.sql import sql_file

# Clocks may differ.
MARGIN = timedelta(hours=1)
_RECORD = ("BatchId", "FileName", "Status", "TotalRecords", "TotalErrors", "SubmissionDate", "CompletionDate")
_ERROR = ("ActionTrackerId", "EventCode", "OrderId", "Status", "Reason")


@dataclass(frozen=True, kw_only=True)
class FileReading:
    """The records of our files and their errors, as SQL reads them, and how the list was read."""

    listing: Listing
    records: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)


def open_files(con: duckdb.DuckDBPyConnection) -> dict[str, datetime]:
    """The files without a known end: name → when it was made."""
    rows = con.execute(
        "select name, created_at from outbox.file where state in ('intended', 'uploaded', 'taken')"
    ).fetchall()
    return {str(name): created_at for name, created_at in rows}


def read_files(
    client: Reader, names: Mapping[str, datetime], now: datetime, clock: Callable[[], datetime]
) -> FileReading:
    """
    List the file submissions since the oldest of ours was made, and read the errors of those that are processed.

    Raises:
        ImpactError: impact.com can't be read.
    """
    started_at = clock()
    query = {"SubmissionDateStart": _iso(min(names.values()) - MARGIN), "SubmissionDateEnd": _iso(now + MARGIN)}
    rows, is_complete, calls = _all(client, FILES, query)
    found, errors = [], list[dict[str, Any]]()
    for row in rows:
        name = str(row.get("FileName", ""))
        if name not in names:
            continue
        record = {key: row.get(key) or None for key in _RECORD}
        is_over = str(row.get("Status", "")).lower().startswith("complete")
        if is_over and int(record["TotalErrors"] or 0):
            listed, has_all, more = _all(client, f"{FILES}/{row['BatchId']}/ErrorDetails", {})
            calls += more
            is_over = has_all and len(listed) >= int(record["TotalErrors"] or 0)
            errors += [{"FileName": name} | {key: one.get(key) or None for key in _ERROR} for one in listed]
        found.append(record | {"is_over": is_over})
    listing = Listing(
        what=FILES,
        window_after=min(names.values()) - MARGIN,
        window_until=now + MARGIN,
        pages=calls,
        rows_read=len(rows),
        is_complete=is_complete,
        api_calls=calls,
        started_at=started_at,
        finished_at=clock(),
    )
    return FileReading(listing=listing, records=found, errors=errors)


def keep_files(
    con: duckdb.DuckDBPyConnection, settings: OutboxSettings, read: FileReading, *, run_id: str, now: datetime
) -> None:
    """Keep what was read, in the caller's transaction; the ends of the conversions are settle's to draw."""
    errors = json.dumps(read.errors)
    con.execute(sql_file(__file__, "file_seen.sql"), {"records": json.dumps(read.records), "errors": errors})
    con.execute(
        sql_file(__file__, "file_absent.sql"),
        {
            "listed_at": read.listing.started_at if read.listing.is_complete else None,
            "settle_after": settings.settle_after,
        },
    )
    list_moves(con)
    con.execute(sql_file(__file__, "file_arrived.sql"), {"reason": "found_in_list"})
    con.execute(sql_file(__file__, "file_doubts.sql"), {"now": now})
    carry_out(con, run_id=run_id, now=now)
    con.execute(sql_file(__file__, "file_rows.sql"), {"errors": errors, "now": now, "run_id": run_id})
    con.execute(sql_file(__file__, "file_ids.sql"))


def _all(client: Reader, resource: str, query: Mapping[str, str]) -> tuple[Sequence[dict[str, Any]], bool, int]:
    """The rows of all pages, whether as many came as were announced, and how many requests it took."""
    rows, announced, calls = list[dict[str, Any]](), 0, 0
    for page in client.pages(resource, query):
        calls += 1
        announced = page.total if page.number == 1 else announced
        rows += page.rows
    return rows, len({json.dumps(row, sort_keys=True, default=str) for row in rows}) >= announced, calls


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
