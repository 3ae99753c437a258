"""
One capture cycle: every object up to one shared bound, each window committed with its cursor.

No connection to the warehouse is open while Salesforce is being read. A cycle that breaks off leaves whole windows
behind; the next one goes on from their cursors.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from impact_pipeline.capture import tables
from impact_pipeline.capture.fields import Description, description
from impact_pipeline.capture.load import LoadContext, load_rows, mark_deleted, unproven_deletions
from impact_pipeline.capture.objects import ObjectPlan, plan_objects
from impact_pipeline.capture.progress import BEGINNING, CapturedObject, Progress, begin_first_load, progress, record
from impact_pipeline.capture.reading import ROWS_PER_PIECE, Piece, pieces, rows_by_id
from impact_pipeline.capture.salesforce.client import SalesforceClient
from impact_pipeline.capture.salesforce.errors import DeleteLogTooShort, LocatorLost, UnknownObject
from impact_pipeline.capture.soql import datetime_literal, within
from impact_pipeline.capture.staging import StagedRows, staging_folder
from impact_pipeline.capture.windows import LAG, OVERLAP, Window, next_window, upper_bound
from impact_pipeline.warehouse import lease
from impact_pipeline.warehouse.binding import bind
from impact_pipeline.warehouse.connection import Warehouse

LANE = "capture"
LEASE_SECONDS = 900
# How often a query whose pages don't add up is asked again before that is an error.
QUERY_ATTEMPTS = 4
# The log of deletions takes minutes, not seconds, and reaches back fifteen days at most (Salesforce's REST API guide).
SHORTEST_DELETE_WINDOW = timedelta(minutes=1)
DELETE_LOG_DAYS = timedelta(days=14)


class CaptureBusy(RuntimeError):
    """Another run holds the lane, or took it over."""


@dataclass(frozen=True, kw_only=True)
class CaptureOptions:
    """How to read; the defaults are right for any org."""

    lag: timedelta = LAG
    overlap: timedelta = OVERLAP
    rows_per_piece: int = ROWS_PER_PIECE


@dataclass(frozen=True, kw_only=True)
class CycleReport:
    """
    What a cycle did.

    Args:
        captured: the rows of audit.extraction that it wrote, in order.
        absent: objects that nobody needs and the org doesn't show (field history that isn't switched on).
        deletions_unknown: objects whose deletions before a time the log no longer tells.
    """

    cycle_id: str
    until: datetime
    captured: tuple[CapturedObject, ...]
    absent: tuple[str, ...]
    deletions_unknown: Mapping[str, datetime]

    def of(self, object_name: str) -> list[CapturedObject]:
        """The windows of one object."""
        return [captured for captured in self.captured if captured.object == object_name]


def capture_cycle(
    warehouse: Warehouse,
    client: SalesforceClient,
    wanted: Mapping[str, Iterable[str]],
    *,
    optional: Iterable[str] = (),
    run_id: str,
    staging: Path,
    clock: Callable[[], datetime],
    account_sid: str,
    campaign_id: str,
    options: CaptureOptions | None = None,
    on_captured: Callable[[CapturedObject], None] = lambda captured: None,
) -> CycleReport:
    """
    Read what is new of every object, and in full the objects that have got a new field.

    Args:
        wanted: object → names of fields and paths through references; see config.capture_set().
        optional: objects that may be absent from the org.
        staging: folder for the files on their way; private, emptied at the end.
        clock: our own time, UTC, for what is recorded. Windows follow Salesforce's.
        account_sid, campaign_id: impact.com's side of the binding.
        on_captured: told of each window once it is committed.

    Raises:
        CaptureBusy: another run is capturing.
        SalesforceError: what was committed before stays, and the next cycle goes on there.
    """
    with _lane(warehouse, run_id, clock) as token, staging_folder(staging) as folder:
        cycle = _Cycle(
            warehouse=warehouse,
            client=client,
            run_id=run_id,
            token=token,
            folder=folder,
            clock=clock,
            options=options or CaptureOptions(),
            on_captured=on_captured,
        )
        return cycle.run(wanted, frozenset(optional), account_sid, campaign_id)


class _Cycle:
    """The state of one run; lives as long as `capture_cycle`."""

    def __init__(
        self,
        *,
        warehouse: Warehouse,
        client: SalesforceClient,
        run_id: str,
        token: int,
        folder: Path,
        clock: Callable[[], datetime],
        options: CaptureOptions,
        on_captured: Callable[[CapturedObject], None],
    ) -> None:
        self.warehouse = warehouse
        self.client = client
        self.run_id = run_id
        self.token = token
        self.folder = folder
        self.clock = clock
        self.options = options
        self.on_captured = on_captured
        self.captured: list[CapturedObject] = []
        self.absent: list[str] = []
        self.deletions_unknown: dict[str, datetime] = {}
        self._descriptions: dict[str, Description] = {}
        self._field_sets: dict[str, int] = {}
        self._calls_recorded = client.api_calls
        self._started_at = clock()

    def run(
        self, wanted: Mapping[str, Iterable[str]], optional: frozenset[str], account_sid: str, campaign_id: str
    ) -> CycleReport:
        self.client.check_version()
        organization = self.client.organization()
        self.until = upper_bound(self.client.server_now, self.options.lag)
        self.cycle_id = datetime_literal(self.until)
        plans = plan_objects(self._present(wanted, optional), self._describe)
        with self._transaction() as con:
            bind(con, organization.id, organization.is_sandbox, account_sid, campaign_id, self.clock())
            reached, added = self._prepare(con, plans)
        for name, plan in plans.items():
            self._read_new(plan, reached[name])
        # What is new comes first: a full reading may spend the rest of the day's requests.
        for name, fields in added.items():
            reading = _Reading(purpose="full", until=self.until, fields_added=fields)
            self._read(plans[name], reading, replace(reached[name], cursor=max(reached[name].cursor, self.until)))
        return CycleReport(
            cycle_id=self.cycle_id,
            until=self.until,
            captured=tuple(self.captured),
            absent=tuple(self.absent),
            deletions_unknown=self.deletions_unknown,
        )

    def _present(self, wanted: Mapping[str, Iterable[str]], optional: frozenset[str]) -> dict[str, tuple[str, ...]]:
        present = {}
        for name, paths in wanted.items():
            try:
                self._describe(name)
            except UnknownObject:
                if name not in optional:
                    raise
                self.absent.append(name)
            else:
                present[name] = tuple(paths)
        return present

    def _describe(self, object_name: str) -> Description:
        if object_name not in self._descriptions:
            self._descriptions[object_name] = description(self.client.describe(object_name))
        return self._descriptions[object_name]

    def _prepare(
        self, con: duckdb.DuckDBPyConnection, plans: Mapping[str, ObjectPlan]
    ) -> tuple[dict[str, Progress], dict[str, tuple[str, ...]]]:
        """Make the tables fit; how far each object has been read, and the fields that it has to be read in full for."""
        reached = progress(con)
        added = {}
        for name, plan in plans.items():
            self._field_sets[name] = tables.prepare(con, plan, now=self.until)
            if name not in reached:
                reached[name] = begin_first_load(
                    con,
                    name,
                    plan.field_names,
                    cycle_id=self.cycle_id,
                    until=self.until,
                    run_id=self.run_id,
                    now=self.clock(),
                )
            captured = set(plan.field_names)
            new = captured - reached[name].fields_covered | captured & tables.returned_fields(con, name)
            if new:
                added[name] = tuple(sorted(new))
        return reached, added

    def _read_new(self, plan: ObjectPlan, reached: Progress) -> None:
        cursor = reached.cursor
        if reached.is_first_load:
            cursor = self._read(
                plan, _Reading(purpose="window", is_first_load=True, until=reached.first_until), reached
            )
            if cursor == self.until:
                return
        window = next_window(cursor, self.until, self.options.overlap)
        self._read(
            plan,
            _Reading(purpose="window", after=window.after, until=window.until),
            replace(reached, cursor=cursor),
        )

    def _read(self, plan: ObjectPlan, reading: "_Reading", reached: Progress) -> datetime:
        """Read and commit piece by piece; where the cursor then stands."""
        cursor, failures = reached.cursor, 0
        after = cursor if reading.is_first_load and cursor > BEGINNING else reading.after
        while True:
            try:
                for piece in pieces(
                    self.client,
                    plan,
                    reading.conditions(plan, after),
                    until=reading.until,
                    folder=self.folder,
                    rows_per_piece=self.options.rows_per_piece,
                ):
                    cursor = self._commit(plan, reading, reached, piece, cursor)
                    after = piece.reached or after
                return cursor
            except LocatorLost:
                failures += 1
                if failures == QUERY_ATTEMPTS:
                    raise

    def _commit(
        self, plan: ObjectPlan, reading: "_Reading", reached: Progress, piece: Piece, cursor: datetime
    ) -> datetime:
        is_last = piece.reached is None
        deletions = _Deletions()
        if is_last and reading.asks_deletions and plan.description.tells_deletes:
            deletions = self._deletions(plan, reached, piece)
        if reading.purpose == "window":
            cursor = max(cursor, piece.reached or reading.until)
        quota = self.client.quota
        with self._transaction() as con:
            context = LoadContext(
                captured_at=self.clock(),
                cycle_id=self.cycle_id,
                field_set_id=self._field_sets[plan.name],
                is_first_load=reading.is_first_load,
            )
            versions = load_rows(con, plan, [piece.staged, *deletions.staged], context)
            versions += mark_deleted(con, plan, deletions.proven, context)
            if is_last and reading.fields_added:
                tables.note_present(con, plan.name, reading.fields_added)
            captured = CapturedObject(
                cycle_id=self.cycle_id,
                object=plan.name,
                method="rest",
                purpose=reading.purpose,
                window_after=reading.after,
                window_until=reading.until,
                cursor=cursor,
                is_first_load=reading.is_first_load,
                rows_read=piece.staged.row_count + sum(staged.row_count for staged in deletions.staged),
                versions_written=versions,
                deletes_seen=deletions.seen,
                latest_date_covered=deletions.covered,
                api_calls=self.client.api_calls - self._calls_recorded,
                quota_used=None if quota is None else quota.used,
                quota_max=None if quota is None else quota.maximum,
                fields_missing=plan.missing,
                fields_added=reading.fields_added if is_last else (),
                run_id=self.run_id,
                started_at=self._started_at,
                finished_at=self.clock(),
            )
            record(con, captured)
        self._calls_recorded = self.client.api_calls
        self._started_at = captured.finished_at
        for staged in (piece.staged, *deletions.staged):
            staged.path.unlink()
        self.captured.append(captured)
        self.on_captured(captured)
        return cursor

    def _deletions(self, plan: ObjectPlan, reached: Progress, piece: Piece) -> "_Deletions":
        """
        What the log of deletions adds: records that are not even in the Recycle Bin.

        The log also names records that were restored since, so each is looked up before it counts as deleted.
        """
        start = reached.latest_date_covered or reached.first_until - self.options.overlap
        if self.until - start < SHORTEST_DELETE_WINDOW:
            return _Deletions()
        try:
            log = self.client.get_deleted(plan.name, start, self.until)
        except DeleteLogTooShort:
            start = max(start, self.until - DELETE_LOG_DAYS)
            self.deletions_unknown[plan.name] = start
            try:
                log = self.client.get_deleted(plan.name, start, self.until)
            except DeleteLogTooShort:
                self.deletions_unknown[plan.name] = self.until
                return _Deletions(covered=self.until)
        covered = max(start, log.latest_date_covered)
        named = sorted(log.ids - piece.deleted)
        if not named:
            return _Deletions(covered=covered)
        with self.warehouse.reading() as con:
            named = unproven_deletions(con, plan.name, named)
        if not named:
            return _Deletions(covered=covered)
        staged, found = rows_by_id(self.client, plan, named, folder=self.folder)
        proven = tuple(record_id for record_id in named if record_id not in found)
        return _Deletions(staged=(staged,), proven=proven, seen=len(named), covered=covered)

    @contextmanager
    def _transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A transaction of the run that still holds the lane."""
        with self.warehouse.transaction() as con:
            if not lease.renew(con, LANE, self.run_id, self.token, self.clock(), LEASE_SECONDS):
                raise CaptureBusy(f"Run {self.run_id} took too long and another run captures now; this one stops.")
            yield con


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """What one query of an object is for."""

    purpose: str
    until: datetime
    after: datetime | None = None
    is_first_load: bool = False
    fields_added: tuple[str, ...] = ()

    @property
    def asks_deletions(self) -> bool:
        return self.purpose == "window" and not self.is_first_load

    def conditions(self, plan: ObjectPlan, after: datetime | None) -> list[str]:
        """
        The first load takes everything that was created before its bound, as it is now. A bound on the stamp would leave
        out what was edited after it, and the next window would take that for records that just became visible.
        """
        about = plan.description
        until_field = "CreatedDate" if self.is_first_load and "CreatedDate" in about.fields else about.cursor_field
        bound = within(until_field, Window(after=None, until=self.until))
        return bound if after is None else [f"{about.cursor_field} >= {datetime_literal(after)}", *bound]


@dataclass(frozen=True, kw_only=True)
class _Deletions:
    """Records to load and records that are proven to be gone, told by the log of deletions."""

    staged: tuple[StagedRows, ...] = ()
    proven: tuple[str, ...] = ()
    seen: int = 0
    covered: datetime | None = None


@contextmanager
def _lane(warehouse: Warehouse, run_id: str, clock: Callable[[], datetime]) -> Iterator[int]:
    with warehouse.transaction() as con:
        token = lease.acquire(con, LANE, run_id, clock(), LEASE_SECONDS)
    if token is None:
        raise CaptureBusy(
            "Another run is capturing. Wait for it; if it was killed, its lease ends by itself within "
            f"{LEASE_SECONDS} s."
        )
    try:
        yield token
    finally:
        with warehouse.transaction() as con:
            lease.release(con, LANE, run_id, token)
