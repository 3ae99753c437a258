"""
What a cycle reads, in its order: what is new, what proves deletions, the lines of what changed, full readings, sweeps.

Readers bring pieces from Salesforce; each piece is committed with its cursor as a row of audit.extraction. No
connection to the warehouse is open while Salesforce is being waited for.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

import duckdb

from impact_pipeline.capture import lines as sets
from impact_pipeline.capture import tables
from impact_pipeline.capture.crew import GATHER_SECONDS, READERS, Crew
from impact_pipeline.capture.deletions import Suspects, settle
from impact_pipeline.capture.lines import Lines
from impact_pipeline.capture.load import LoadContext, living, load_rows
from impact_pipeline.capture.objects import ObjectPlan
from impact_pipeline.capture.progress import BEGINNING, CapturedObject, Progress, live_cursor, record
from impact_pipeline.capture.reading import BULK_FROM_ROWS, ROWS_PER_JOB, ROWS_PER_PIECE, Piece, Question, Reader
from impact_pipeline.capture.salesforce.client import Deleted, counting
from impact_pipeline.capture.soql import datetime_literal, groups_of_ids, within
from impact_pipeline.capture.sweep import compare_ids, narrow
from impact_pipeline.capture.windows import LAG, OVERLAP, Window, next_window
from impact_pipeline.warehouse import lease
from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline.warehouse.sql import quote_identifier, sql_file

LEASE_SECONDS = 60.0
# So many records' lines are read by Id; for more of them the whole object of the lines is read and swept by bulk jobs.
RECORDS_BY_ID = 20_000
# How often records whose lines don't add up are read again.
SUM_ATTEMPTS = 2
# A stretch that a person has read again is committed in parts of about so many rows.
ROWS_PER_REREAD = 200_000


class CaptureBusy(RuntimeError):
    """Another run holds the lane, or took it over."""


class Overtaken(RuntimeError):
    """The live cycle committed newer versions of what was being read beside it; read it again."""


@dataclass(frozen=True, kw_only=True)
class CaptureOptions:
    """
    How to read; the defaults are right for any org.

    Args:
        bulk_from_rows: a query of at least so many rows becomes a bulk job.
        rows_per_job: a longer query is cut in two.
        rows_per_reread: what is read again beside the cycle is committed in parts of about so many.
        poll_seconds: first pause between two looks at a bulk job.
        wait_seconds: how long another run's lease is waited for; a killed run's ends by itself.
        readers: objects that are read at once.
        gather_seconds: how long pieces wait for others to be committed with.
    """

    lag: timedelta = LAG
    overlap: timedelta = OVERLAP
    rows_per_piece: int = ROWS_PER_PIECE
    bulk_from_rows: int = BULK_FROM_ROWS
    rows_per_job: int = ROWS_PER_JOB
    rows_per_reread: int = ROWS_PER_REREAD
    poll_seconds: float = 1.0
    wait_seconds: float = LEASE_SECONDS + 15
    readers: int = READERS
    gather_seconds: float = GATHER_SECONDS


@dataclass(frozen=True, kw_only=True)
class Run:
    """
    What all readings of one run share.

    Args:
        lane: capture, or reread beside it.
        token: of the lease on the lane; every transaction renews it.
        reader: asks Salesforce and stages what it answers.
        clock: our own time, UTC.
        on_captured: told of each piece once it is committed.
    """

    warehouse: Warehouse
    run_id: str
    lane: str
    token: int
    reader: Reader
    clock: Callable[[], datetime]
    options: CaptureOptions
    on_captured: Callable[[CapturedObject], None]

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A transaction of the run that still holds the lane."""
        with self.warehouse.transaction() as con:
            if not lease.renew(con, self.lane, self.run_id, self.token, self.clock(), LEASE_SECONDS):
                raise CaptureBusy(f"Run {self.run_id} took too long and another run captures now; this one stops.")
            yield con


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a piece tells besides its rows, found in the transaction that commits it."""

    versions: int = 0
    deletes_seen: int = 0
    covered: datetime | None = None
    ids_missing: int | None = None
    is_plausible: bool | None = None
    sums_differ: int | None = None


Weigh = Callable[[duckdb.DuckDBPyConnection, LoadContext, Piece], Outcome]


def _nothing(con: duckdb.DuckDBPyConnection, context: LoadContext, piece: Piece) -> Outcome:
    return Outcome()


@dataclass(frozen=True, kw_only=True)
class Reading:
    """
    One stretch of an object, and what it is for.

    Args:
        pieces: asks Salesforce.
        moves_cursor: whether what it reads is a window of the live cycle.
        weigh: what else is done when a piece is committed.
        is_loaded: False where the rows are only looked at.
    """

    plan: ObjectPlan
    purpose: str
    after: datetime | None
    until: datetime
    pieces: Callable[[], Generator[Piece]]
    moves_cursor: bool = False
    is_first_load: bool = False
    fields_added: tuple[str, ...] = ()
    weigh: Weigh = _nothing
    is_loaded: bool = True


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A piece of a reading, and what it cost."""

    reading: Reading
    piece: Piece
    api_calls: int
    started_at: datetime

    @property
    def row_count(self) -> int:
        return sum(rows.row_count for rows in self.piece.staged)

    @property
    def byte_count(self) -> int:
        return sum(rows.path.stat().st_size for rows in self.piece.staged)


@dataclass(kw_only=True)
class Extraction:
    """
    The readings of one cycle.

    Args:
        until: the bound that they share.
        field_sets: object → number of its set of fields.
        filters: object → SOQL condition over fields that never change.
        reached: object → how far it has been read.
        first_version: versions after this one are the cycle's own.
        calls_before: requests made that no row of audit.extraction counts yet.
        beside: where the readings run beside the live cycle: the newest version before they began. What the cycle
            commits meanwhile is newer than what they bring.
        captured: the rows of audit.extraction written so far.
    """

    run: Run
    cycle_id: str
    until: datetime
    field_sets: dict[str, int]
    filters: Mapping[str, str]
    reached: dict[str, Progress]
    first_version: int
    calls_before: int = 0
    beside: int | None = None
    captured: list[CapturedObject] = field(default_factory=list)
    _suspects: dict[str, Suspects] = field(default_factory=dict)
    _cursors: dict[str, datetime] = field(default_factory=dict)

    def read_new(self, plans: Mapping[str, ObjectPlan], logs: Mapping[str, Deleted | None]) -> None:
        """
        What was stamped since the last cycle, and the first loads that are still to be made or finished.

        Args:
            logs: object → its log of deletions, asked before; None where it didn't reach back far enough.
        """
        known = [reached.latest_date_covered for reached in self.reached.values() if reached.latest_date_covered]
        open_since = min(known, default=None)
        self._work([self._new(plan, logs.get(name), open_since) for name, plan in plans.items()])

    def prove_deletions(self, plans: Mapping[str, ObjectPlan]) -> None:
        """Look up by Id what seems to be gone."""
        suspects, self._suspects = self._suspects, {}
        self._work([[self._proof(plans[name], found)] for name, found in suspects.items()])

    def read_lines(self, lines: Lines, plans: Mapping[str, ObjectPlan]) -> None:
        """The lines of each record that changed, or whose lines did; both again where they don't add up."""
        own = [row for row in self.captured if row.object in (lines.record.name, lines.line.name)]
        if any(row.versions_written for row in own):
            self.read_lines_touched(lines, plans, is_first_load=any(row.is_first_load for row in own))

    def read_lines_touched(self, lines: Lines, plans: Mapping[str, ObjectPlan], *, is_first_load: bool = False) -> None:
        """The same, whatever this run has committed itself."""
        with self.run.warehouse.reading() as con:
            touched = sets.touched(con, lines, after=self.first_version)
        if len(touched) > RECORDS_BY_ID:
            self.read_in_full(lines.line)
            self.sweep([lines.line], plans)
        else:
            self._read_sets(lines, touched)
            self.prove_deletions(plans)
        self._mend_sums(lines, None if is_first_load else touched, plans)

    def read_in_full(self, plan: ObjectPlan, fields_added: tuple[str, ...] = ()) -> None:
        """Read every record once more: fields are captured for the first time, or move no stamp. Moves no cursor."""
        self._work([[self._reading(plan, "full", until=self.until, fields_added=fields_added)]])

    def sweep(self, swept: Sequence[ObjectPlan], plans: Mapping[str, ObjectPlan]) -> None:
        """Compare all Ids of these objects with Salesforce's."""
        self._work([[self._sweep(plan)] for plan in swept])
        self.prove_deletions(plans)

    def reread(self, plan: ObjectPlan, windows: Sequence[Window]) -> None:
        """Read these windows again, each committed by itself. Moves no cursor."""
        self._work(
            [
                [
                    self._reading(plan, "reread", after=window.after, until=window.until, before=window.until)
                    for window in windows
                ]
            ]
        )

    def _new(self, plan: ObjectPlan, log: Deleted | None, open_since: datetime | None) -> list[Reading]:
        reached, cursor, readings = self.reached[plan.name], self.reached[plan.name].cursor, []
        if reached.is_first_load:
            readings.append(self._first_load(plan, reached))
            cursor = reached.first_until
        left = self._left_window(plan, cursor) if not reached.is_first_load else None
        if left is not None:
            readings.append(left)
            cursor = left.until
        if cursor < self.until or not readings:
            window = next_window(cursor, self.until, self.run.options.overlap, open_since)
            readings.append(self._window(plan, window))
        readings[-1] = replace(readings[-1], weigh=partial(self._weigh_log, plan, log))
        return readings

    def _window(self, plan: ObjectPlan, window: Window) -> Reading:
        return self._reading(
            plan, "window", after=window.after, until=window.until, before=window.until, moves_cursor=True
        )

    def _left_window(self, plan: ObjectPlan, cursor: datetime) -> Reading | None:
        """The window of a bulk job that an earlier run left behind: its result is finished before the next one."""
        job = self.run.reader.left_job(plan)
        if job is None or job.after is None or job.before is None:
            return None
        after, before = datetime.fromisoformat(job.after), datetime.fromisoformat(job.before)
        return self._window(plan, Window(after=after, until=before)) if after <= cursor < before < self.until else None

    def _first_load(self, plan: ObjectPlan, reached: Progress) -> Reading:
        """
        The first load takes everything that was created before its bound, as it is now. A bound on the stamp would
        leave out what was edited after it, and the next window would take that for records that became visible.
        """
        about = plan.description
        until_field = "CreatedDate" if "CreatedDate" in about.fields else about.cursor_field
        return self._reading(
            plan,
            "window",
            after=None if reached.cursor == BEGINNING else reached.cursor,
            until=reached.first_until,
            conditions=within(until_field, Window(after=None, until=reached.first_until)),
            moves_cursor=True,
            is_first_load=True,
        )

    def _reading(
        self,
        plan: ObjectPlan,
        purpose: str,
        *,
        until: datetime,
        after: datetime | None = None,
        before: datetime | None = None,
        conditions: Sequence[str] = (),
        **about: object,
    ) -> Reading:
        only = self.filters.get(plan.name)
        question = Question(
            plan=plan,
            until=until,
            conditions=(*conditions, *(() if only is None else (f"({only})",))),
            after=after,
            before=before,
            label="" if purpose == "window" else f"-{purpose}",
        )
        pieces = partial(self.run.reader.pieces, question)
        return Reading(plan=plan, purpose=purpose, after=after, until=until, pieces=pieces, **about)  # type: ignore[arg-type]

    def _proof(self, plan: ObjectPlan, suspects: Suspects) -> Reading:
        def pieces() -> Generator[Piece]:
            yield self.run.reader.by_id(plan, suspects.ids)

        def weigh(con: duckdb.DuckDBPyConnection, context: LoadContext, piece: Piece) -> Outcome:
            versions = settle(con, plan, suspects, piece, context)
            return Outcome(versions=versions, deletes_seen=len(suspects.ids), covered=suspects.covered)

        return Reading(plan=plan, purpose="proof", after=None, until=self.until, pieces=pieces, weigh=weigh)

    def _weigh_log(
        self,
        plan: ObjectPlan,
        log: Deleted | None,
        con: duckdb.DuckDBPyConnection,
        context: LoadContext,
        piece: Piece,
    ) -> Outcome:
        if not piece.is_last or log is None:
            return Outcome()
        suspects = living(con, plan.name, log.ids)
        if not suspects:
            return Outcome(covered=log.latest_date_covered)
        self._suspects[plan.name] = Suspects(ids=tuple(suspects), how="getDeleted", covered=log.latest_date_covered)
        return Outcome()

    def _read_sets(self, lines: Lines, records: Sequence[str]) -> None:
        self._work([[self._set(lines, group)] for group in groups_of_ids(records)])

    def _set(self, lines: Lines, records: Sequence[str]) -> Reading:
        def pieces() -> Generator[Piece]:
            yield self.run.reader.by_id(lines.line, records, by=lines.parent)

        def weigh(con: duckdb.DuckDBPyConnection, context: LoadContext, piece: Piece) -> Outcome:
            missing = sets.missing(con, lines, records, sorted(piece.ids))
            if missing:
                before = self._suspects.get(lines.line.name)
                ids = (*(before.ids if before else ()), *missing)
                how = "set" if lines.is_visible_with_record else "sweep"
                self._suspects[lines.line.name] = Suspects(ids=ids, how=how)
            return Outcome()

        return Reading(plan=lines.line, purpose="lines", after=None, until=self.until, pieces=pieces, weigh=weigh)

    def _mend_sums(self, lines: Lines, records: Sequence[str] | None, plans: Mapping[str, ObjectPlan]) -> None:
        """A record and its lines are read one after the other, and an edit may come between; so both are read again."""
        for _ in range(SUM_ATTEMPTS):
            with self.run.warehouse.reading() as con:
                records = sets.not_adding_up(con, lines, records)
            if not records or len(records) > RECORDS_BY_ID:
                break
            self._work([[self._records(lines.record, group)] for group in groups_of_ids(records)])
            self._read_sets(lines, records)
            self.prove_deletions(plans)
        if records:
            self._work([[self._sums(lines, records)]])

    def _records(self, plan: ObjectPlan, ids: Sequence[str]) -> Reading:
        def pieces() -> Generator[Piece]:
            yield self.run.reader.by_id(plan, ids)

        return Reading(plan=plan, purpose="records", after=None, until=self.until, pieces=pieces)

    def _sums(self, lines: Lines, records: Sequence[str]) -> Reading:
        def pieces() -> Generator[Piece]:
            yield Piece(staged=(), method="rest", is_last=True)

        def weigh(con: duckdb.DuckDBPyConnection, context: LoadContext, piece: Piece) -> Outcome:
            return Outcome(sums_differ=len(sets.not_adding_up(con, lines, records)))

        return Reading(plan=lines.line, purpose="lines", after=None, until=self.until, pieces=pieces, weigh=weigh)

    def _sweep(self, plan: ObjectPlan) -> Reading:
        created = "CreatedDate" if "CreatedDate" in plan.description.fields else plan.description.cursor_field
        conditions = within(created, Window(after=None, until=self.until))
        reading = self._reading(narrow(plan), "sweep", until=self.until, conditions=conditions)

        def pieces() -> Generator[Piece]:
            """All Ids at once: only together they say what is missing."""
            with closing(reading.pieces()) as parts:
                found = list(parts)
            for part in found:
                part.done()
            staged = tuple(rows for part in found for rows in part.staged)
            yield Piece(staged=staged, method=found[-1].method, is_last=True)

        def weigh(con: duckdb.DuckDBPyConnection, context: LoadContext, piece: Piece) -> Outcome:
            sweep = compare_ids(con, plan, piece.staged, until=self.until)
            # A log of deletions that no longer reached back far enough may be asked from here on.
            covered = self.until if sweep.is_plausible else None
            if sweep.suspects:
                self._suspects[plan.name] = Suspects(ids=sweep.suspects, how="sweep", covered=covered)
            return Outcome(
                ids_missing=len(sweep.missing),
                is_plausible=sweep.is_plausible,
                covered=None if sweep.suspects else covered,
            )

        return replace(reading, plan=plan, pieces=pieces, weigh=weigh, is_loaded=False)

    def _work(self, jobs: Sequence[Sequence[Reading]]) -> None:
        """Each job's readings come one after the other, the jobs side by side."""
        options = self.run.options
        crew = Crew(readers=options.readers, gather_seconds=options.gather_seconds)
        crew.work([partial(self._arrivals, readings) for readings in jobs], self._commit)

    def _arrivals(self, readings: Sequence[Reading]) -> Generator[Arrival]:
        with counting() as tally:
            for reading in readings:
                started_at = self.run.clock()
                with closing(reading.pieces()) as pieces:
                    for piece in pieces:
                        yield Arrival(reading=reading, piece=piece, api_calls=tally.take(), started_at=started_at)
                        started_at = self.run.clock()

    def _commit(self, arrivals: Sequence[Arrival]) -> None:
        with self.run.transaction() as con:
            captured = [self._load(con, arrival) for arrival in arrivals]
        for arrival, row in zip(arrivals, captured, strict=True):
            for rows in arrival.piece.staged:
                rows.path.unlink()
            arrival.piece.done()
            self.captured.append(row)
            self.run.on_captured(row)

    def _load(self, con: duckdb.DuckDBPyConnection, arrival: Arrival) -> CapturedObject:
        reading, piece = arrival.reading, arrival.piece
        name, quota = reading.plan.name, self.run.reader.client.quota
        if self.beside is not None:
            self._refuse_overtaken(con, reading, piece)
        context = LoadContext(
            captured_at=self.run.clock(),
            cycle_id=self.cycle_id,
            field_set_id=self.field_sets[name],
            is_first_load=reading.is_first_load,
        )
        versions = load_rows(con, reading.plan, piece.staged, context) if reading.is_loaded else 0
        outcome = reading.weigh(con, context, piece)
        if piece.is_last:
            tables.note_present(con, name, reading.fields_added)
        fetched = piece.fetched if reading.is_loaded else None
        captured = CapturedObject(
            cycle_id=self.cycle_id,
            object=name,
            method=piece.method,
            purpose=reading.purpose,
            window_after=reading.after,
            window_until=self._read_until(reading, piece),
            cursor=self._moved_cursor(reading, piece) if self.beside is None else live_cursor(con, name),
            is_first_load=reading.is_first_load,
            rows_read=arrival.row_count,
            versions_written=versions + outcome.versions,
            deletes_seen=outcome.deletes_seen,
            latest_date_covered=outcome.covered,
            api_calls=arrival.api_calls + self.calls_before,
            quota_used=None if quota is None else quota.used,
            quota_max=None if quota is None else quota.maximum,
            fields_missing=reading.plan.missing,
            fields_added=reading.fields_added if piece.is_last else (),
            run_id=self.run.run_id,
            started_at=arrival.started_at,
            finished_at=self.run.clock(),
            ids_missing=outcome.ids_missing,
            is_plausible=outcome.is_plausible,
            sums_differ=outcome.sums_differ,
            bulk_job=None if fetched is None else fetched.job_id,
            bulk_locator=None if fetched is None else fetched.locator,
        )
        record(con, captured)
        self.calls_before = 0
        return captured

    def _moved_cursor(self, reading: Reading, piece: Piece) -> datetime:
        """Where the object's next window starts, once the piece is committed."""
        name = reading.plan.name
        cursor = self._cursors.get(name, self.reached[name].cursor)
        if reading.moves_cursor and (piece.is_last or piece.reached is not None):
            cursor = max(cursor, min(piece.reached or reading.until, reading.until))
        self._cursors[name] = cursor
        return cursor

    def _read_until(self, reading: Reading, piece: Piece) -> datetime:
        """
        The bound of the reading. Beside the cycle no cursor tells how far it has come, so there it is the bound of what
        is complete.
        """
        if self.beside is None or piece.is_last:
            return reading.until
        return piece.reached or reading.after or BEGINNING

    def _refuse_overtaken(self, con: duckdb.DuckDBPyConnection, reading: Reading, piece: Piece) -> None:
        """
        What the live cycle has proven to be deleted meanwhile, or has read in full, keeps its stamp; older rows would
        undo it.
        """
        newer = con.execute(
            sql_file(__file__, "overtaken.sql").format(
                table=tables.table(reading.plan.name), stamp=quote_identifier(reading.plan.description.cursor_field)
            ),
            {
                "version": self.beside,
                "cycle_id": self.cycle_id,
                "ids": sorted(piece.ids),
                "is_by_id": bool(piece.ids),
                "after": reading.after,
                "until": reading.until,
            },
        ).fetchall()[0][0]
        if newer:
            raise Overtaken(f"{newer} records of {reading.plan.name} got newer versions while they were being read.")


def cycle_name(until: datetime) -> str:
    """The cycle_id of a bound."""
    return datetime_literal(until)
