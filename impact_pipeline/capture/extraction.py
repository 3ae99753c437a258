"""
One object's windows: read piece by piece, each piece committed with its cursor as a row of audit.extraction.

No connection to the warehouse is open while Salesforce is being read.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import duckdb

from impact_pipeline.capture import tables
from impact_pipeline.capture.load import LoadContext, load_rows, mark_deleted, unproven_deletions
from impact_pipeline.capture.objects import ObjectPlan
from impact_pipeline.capture.progress import BEGINNING, CapturedObject, Progress, record
from impact_pipeline.capture.reading import BULK_FROM_ROWS, ROWS_PER_PIECE, Piece, Reader
from impact_pipeline.capture.salesforce.errors import DeleteLogTooShort, LocatorLost
from impact_pipeline.capture.soql import datetime_literal, within
from impact_pipeline.capture.staging import StagedRows
from impact_pipeline.capture.windows import LAG, OVERLAP, Window, next_window
from impact_pipeline.warehouse import lease
from impact_pipeline.warehouse.connection import Warehouse

LANE = "capture"
LEASE_SECONDS = 60.0
# How often a query whose pages don't add up is asked again before that is an error.
QUERY_ATTEMPTS = 4
# The log of deletions counts in minutes and reaches back fifteen days at most (Salesforce's REST API guide).
SHORTEST_DELETE_WINDOW = timedelta(minutes=1)
DELETE_LOG_REACH = timedelta(days=14)


class CaptureBusy(RuntimeError):
    """Another run holds the lane, or took it over."""


@dataclass(frozen=True, kw_only=True)
class CaptureOptions:
    """
    How to read; the defaults are right for any org.

    Args:
        bulk_from_rows: a query of at least so many rows becomes a bulk job.
        poll_seconds: first pause between two looks at a bulk job.
        wait_seconds: how long another run's lease is waited for; a killed run's ends by itself.
    """

    lag: timedelta = LAG
    overlap: timedelta = OVERLAP
    rows_per_piece: int = ROWS_PER_PIECE
    bulk_from_rows: int = BULK_FROM_ROWS
    poll_seconds: float = 2.0
    wait_seconds: float = LEASE_SECONDS + 15


@dataclass(frozen=True, kw_only=True)
class Run:
    """
    What all windows of one run share.

    Args:
        token: of the lease on the lane; every transaction renews it.
        reader: asks Salesforce and stages what it answers.
        clock: our own time, UTC.
        on_captured: told of each window once it is committed.
    """

    warehouse: Warehouse
    run_id: str
    token: int
    reader: Reader
    clock: Callable[[], datetime]
    options: CaptureOptions
    on_captured: Callable[[CapturedObject], None]

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A transaction of the run that still holds the lane."""
        with self.warehouse.transaction() as con:
            if not lease.renew(con, LANE, self.run_id, self.token, self.clock(), LEASE_SECONDS):
                raise CaptureBusy(f"Run {self.run_id} took too long and another run captures now; this one stops.")
            yield con


@dataclass(kw_only=True)
class Extraction:
    """
    The windows of one cycle, one after the other.

    Args:
        until: the bound that they share.
        field_sets: object → number of its set of fields.
        filters: object → SOQL condition over fields that never change.
        captured: the rows of audit.extraction written so far.
        deletions_unknown: objects whose deletions before a time the log no longer tells.
        calls_recorded: requests of the client that a row of audit.extraction already counts.
    """

    run: Run
    cycle_id: str
    until: datetime
    field_sets: dict[str, int]
    filters: Mapping[str, str]
    started_at: datetime
    calls_recorded: int
    captured: list[CapturedObject] = field(default_factory=list)
    deletions_unknown: dict[str, datetime] = field(default_factory=dict)

    def read_new(self, plan: ObjectPlan, reached: Progress) -> None:
        """Finish the first load if need be; then read what was stamped since."""
        cursor = reached.cursor
        if reached.is_first_load:
            cursor = self._read(plan, _Reading(is_first_load=True, until=reached.first_until), reached, cursor)
            if cursor == self.until:
                return
        window = next_window(cursor, self.until, self.run.options.overlap)
        self._read(plan, _Reading(after=window.after, until=window.until), reached, cursor)

    def read_in_full(self, plan: ObjectPlan, fields_added: tuple[str, ...] = ()) -> None:
        """Read every record once more: fields are captured for the first time, or move no stamp. Moves no cursor."""
        self._read(plan, _Reading(until=self.until, purpose="full", fields_added=fields_added), None, self.until)

    def _read(self, plan: ObjectPlan, reading: "_Reading", reached: Progress | None, cursor: datetime) -> datetime:
        """Read and commit piece by piece; where the cursor then stands."""
        failures = 0
        after = cursor if reading.is_first_load and cursor > BEGINNING else reading.after
        while True:
            try:
                conditions = reading.conditions(plan, after, self.filters.get(plan.name))
                with closing(self.run.reader.pieces(plan, conditions, until=reading.until)) as pieces:
                    for piece in pieces:
                        cursor = self._commit(plan, reading, reached, piece, cursor)
                        after = piece.reached or after
                return cursor
            except LocatorLost:
                failures += 1
                if failures == QUERY_ATTEMPTS:
                    raise

    def _commit(
        self, plan: ObjectPlan, reading: "_Reading", reached: Progress | None, piece: Piece, cursor: datetime
    ) -> datetime:
        asks_deletions = piece.is_last and reading.asks_deletions and plan.description.tells_deletes
        deletions = self._deletions(plan, reached, piece) if asks_deletions and reached else _Deletions()
        staged = [piece.staged, *deletions.staged]
        client = self.run.reader.client
        quota = client.quota
        if piece.is_last or piece.reached is not None:
            cursor = max(cursor, min(piece.reached or reading.until, reading.until))
        with self.run.transaction() as con:
            context = LoadContext(
                captured_at=self.run.clock(),
                cycle_id=self.cycle_id,
                field_set_id=self.field_sets[plan.name],
                is_first_load=reading.is_first_load,
            )
            versions = load_rows(con, plan, staged, context)
            versions += mark_deleted(con, plan, deletions.proven, context)
            if piece.is_last:
                tables.note_present(con, plan.name, reading.fields_added)
            captured = CapturedObject(
                cycle_id=self.cycle_id,
                object=plan.name,
                method=piece.method,
                purpose=reading.purpose,
                window_after=reading.after,
                window_until=reading.until,
                cursor=cursor,
                is_first_load=reading.is_first_load,
                rows_read=sum(rows.row_count for rows in staged),
                versions_written=versions,
                deletes_seen=deletions.seen,
                latest_date_covered=deletions.covered,
                api_calls=client.api_calls - self.calls_recorded,
                quota_used=None if quota is None else quota.used,
                quota_max=None if quota is None else quota.maximum,
                fields_missing=plan.missing,
                fields_added=reading.fields_added if piece.is_last else (),
                run_id=self.run.run_id,
                started_at=self.started_at,
                finished_at=self.run.clock(),
            )
            record(con, captured)
        self.calls_recorded += captured.api_calls
        self.started_at = captured.finished_at
        for rows in staged:
            rows.path.unlink()
        self.captured.append(captured)
        self.run.on_captured(captured)
        return cursor

    def _deletions(self, plan: ObjectPlan, reached: Progress, piece: Piece) -> "_Deletions":
        """
        What the log of deletions adds: records that are not even in the Recycle Bin.

        The log also names records that were restored since, so each is looked up before it counts as deleted.
        """
        client = self.run.reader.client
        start = reached.latest_date_covered or reached.first_until - self.run.options.overlap
        if self.until - start < SHORTEST_DELETE_WINDOW:
            return _Deletions()
        try:
            log = client.get_deleted(plan.name, start, self.until)
        except DeleteLogTooShort:
            start = max(start, self.until - DELETE_LOG_REACH)
            self.deletions_unknown[plan.name] = start
            try:
                log = client.get_deleted(plan.name, start, self.until)
            except DeleteLogTooShort:
                self.deletions_unknown[plan.name] = self.until
                return _Deletions(covered=self.until)
        covered = max(start, log.latest_date_covered)
        named = sorted(log.ids - piece.deleted)
        if named:
            with self.run.warehouse.reading() as con:
                named = unproven_deletions(con, plan.name, named)
        if not named:
            return _Deletions(covered=covered)
        staged, found = self.run.reader.rows_by_id(plan, named)
        proven = tuple(record_id for record_id in named if record_id not in found)
        return _Deletions(staged=(staged,), proven=proven, seen=len(named), covered=covered)


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """What one query of an object is for."""

    until: datetime
    after: datetime | None = None
    purpose: str = "window"
    is_first_load: bool = False
    fields_added: tuple[str, ...] = ()

    @property
    def asks_deletions(self) -> bool:
        return self.purpose == "window" and not self.is_first_load

    def conditions(self, plan: ObjectPlan, after: datetime | None, only: str | None) -> list[str]:
        """
        The first load takes everything that was created before its bound, as it is now. A bound on the stamp would
        leave out what was edited after it, and the next window would take that for records that became visible.
        """
        about = plan.description
        until_field = "CreatedDate" if self.is_first_load and "CreatedDate" in about.fields else about.cursor_field
        conditions = within(until_field, Window(after=None, until=self.until))
        if after is not None:
            conditions.append(f"{about.cursor_field} >= {datetime_literal(after)}")
        if only is not None:
            conditions.append(f"({only})")
        return conditions


@dataclass(frozen=True, kw_only=True)
class _Deletions:
    """Records to load and records that are proven to be gone, told by the log of deletions."""

    staged: tuple[StagedRows, ...] = ()
    proven: tuple[str, ...] = ()
    seen: int = 0
    covered: datetime | None = None
