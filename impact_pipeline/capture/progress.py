"""
How far each object has been read, told by audit.extraction alone: cursors are rows, committed with what they stand for.

An object's first row is written before anything of it is read. It holds the upper bound of the first load, so that a
load that was killed ends where it would have ended, and what was created since is a creation and no baseline.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import duckdb

from impact_pipeline.capture.salesforce.bulk import Fetched
from impact_pipeline.capture.windows import Window, next_window
from impact_pipeline.warehouse.sql import sql_file

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class CapturedObject:
    """
    One row of audit.extraction: what was read of one object and committed. All times UTC.

    Args:
        open_since: of a window: since when transactions may have been open while it was read.
        ids_missing: of a sweep: living records that Salesforce did not list.
        is_plausible: of a sweep: False where it misses so many that a permission was probably lost.
        sums_differ: of lines: records whose amount is not the sum of their lines, after all were read again.
        bulk_job: the bulk job of the rows, and in `bulk_locator` where its next page is.
    """

    cycle_id: str
    object: str
    method: str
    purpose: str
    window_after: datetime | None
    window_until: datetime
    cursor: datetime
    is_first_load: bool
    rows_read: int
    versions_written: int
    deletes_seen: int
    latest_date_covered: datetime | None
    api_calls: int
    quota_used: int | None
    quota_max: int | None
    fields_missing: tuple[str, ...]
    fields_added: tuple[str, ...]
    run_id: str
    started_at: datetime
    finished_at: datetime
    open_since: datetime | None = None
    ids_missing: int | None = None
    is_plausible: bool | None = None
    sums_differ: int | None = None
    bulk_job: str | None = None
    bulk_locator: str | None = None


@dataclass(frozen=True, kw_only=True)
class Progress:
    """
    Where reading of one object goes on.

    Args:
        cursor: all that was stamped before is committed, except what Salesforce shows late.
        first_until: where the first load ends; it is complete once the cursor is there.
        latest_date_covered: where the next question for deletions starts.
        fields_covered: fields that the object was read in full with.
        read_after, read_until: bounds of the window that brought the cursor there; it was broken off where it ends
            behind the cursor.
        open_since: since when transactions may have been open while that was read.
    """

    cursor: datetime
    first_until: datetime
    latest_date_covered: datetime | None
    fields_covered: frozenset[str]
    read_after: datetime | None
    read_until: datetime
    open_since: datetime | None

    @property
    def is_first_load(self) -> bool:
        return self.cursor < self.first_until

    def window(self, until: datetime, overlap: timedelta) -> Window:
        """The stretch that is read next, up to `until`, once the first load has ended."""
        return next_window(self.cursor, until, overlap, self.open_since, read_until=self.read_until)

    def named_after(self, window: Window) -> datetime | None:
        """The lower bound that a window goes by: a broken one's own, where it only goes on with that."""
        bounds = [window.after, self.read_after if self.cursor < self.read_until else window.after]
        return min((bound for bound in bounds if bound is not None), default=None)


def progress(con: duckdb.DuckDBPyConnection) -> dict[str, Progress]:
    """Object → how far it has been read."""

    def utc(moment: datetime | None) -> datetime | None:
        return None if moment is None else moment.astimezone(UTC)

    rows = con.execute(sql_file(__file__, "progress.sql")).fetchall()
    return {
        name: Progress(
            cursor=cursor.astimezone(UTC),
            first_until=first_until.astimezone(UTC),
            latest_date_covered=utc(covered),
            fields_covered=frozenset(fields),
            read_after=utc(read_after),
            read_until=read_until.astimezone(UTC),
            open_since=utc(open_since),
        )
        for name, cursor, first_until, covered, fields, read_after, read_until, open_since in rows
    }


def live_cursor(con: duckdb.DuckDBPyConnection, object_name: str) -> datetime:
    """Where the object's next window starts, as of now."""
    cursor = con.execute("select max(cursor) from audit.extraction where object = ?", [object_name]).fetchall()[0][0]
    return cursor.astimezone(UTC)  # type: ignore[no-any-return]


def committed_results(con: duckdb.DuckDBPyConnection) -> dict[str, Fetched]:
    """Bulk job → how much of its result has been committed, for the newest job of each object and purpose."""
    rows = con.execute(sql_file(__file__, "fetched.sql")).fetchall()
    return {job: Fetched(job_id=job, locator=locator, rows=int(count)) for job, locator, count in rows}


def first_progress(
    fields: Iterable[str], *, until: datetime, covered: datetime | None = None, open_since: datetime | None = None
) -> Progress:
    """Where a first load begins that ends at `until`; `open_since`: since when transactions were open then."""
    return Progress(
        cursor=BEGINNING,
        first_until=until,
        latest_date_covered=covered,
        fields_covered=frozenset(fields),
        read_after=None,
        read_until=until,
        open_since=open_since,
    )


def begin_first_load(
    con: duckdb.DuckDBPyConnection, object_name: str, started: Progress, *, cycle_id: str, run_id: str, now: datetime
) -> None:
    """Record that the first load of an object begins, and where it will end."""
    record(
        con,
        CapturedObject(
            cycle_id=cycle_id,
            object=object_name,
            method="rest",
            purpose="window",
            window_after=None,
            window_until=started.first_until,
            cursor=started.cursor,
            is_first_load=True,
            rows_read=0,
            versions_written=0,
            deletes_seen=0,
            latest_date_covered=started.latest_date_covered,
            open_since=started.open_since,
            api_calls=0,
            quota_used=None,
            quota_max=None,
            fields_missing=(),
            fields_added=tuple(sorted(started.fields_covered)),
            run_id=run_id,
            started_at=now,
            finished_at=now,
        ),
    )


def record(con: duckdb.DuckDBPyConnection, captured: CapturedObject) -> None:
    """Append a row to audit.extraction, in the transaction that commits what it stands for."""
    values = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(captured).items()}
    con.execute(sql_file(__file__, "extraction.sql"), values)
