"""
What was read → the warehouse: rows, cursors and what follows from them, in one transaction for all that arrived.

Readers bring pieces from Salesforce; each piece is committed with its cursor as a row of audit.extraction. No
connection to the warehouse is open while Salesforce is being waited for.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import duckdb

from impact_pipeline.capture import tables
from impact_pipeline.capture.crew import Crew
from impact_pipeline.capture.lines import Lines, note_touched
from impact_pipeline.capture.load import LoadContext, load_rows
from impact_pipeline.capture.merges import Reference, note_merged
from impact_pipeline.capture.objects import ObjectPlan
from impact_pipeline.capture.progress import BEGINNING, CapturedObject, Progress, live_cursor, record
from impact_pipeline.capture.reading import Piece
from impact_pipeline.capture.run import Run
from impact_pipeline.capture.salesforce.tally import counting
from impact_pipeline.warehouse.sql import quote_identifier, sql_file


class Overtaken(RuntimeError):
    """The live cycle committed newer versions of what was being read beside it; read it again."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a piece tells besides its rows, found in the transaction that commits it."""

    versions: int = 0
    deletes_seen: int = 0
    covered: datetime | None = None
    ids_missing: int | None = None
    is_plausible: bool | None = None
    sums_differ: int | None = None


Connection = duckdb.DuckDBPyConnection
Weigh = Callable[[Connection, LoadContext, Piece], Outcome]


def _nothing(con: Connection, context: LoadContext, piece: Piece) -> Outcome:
    return Outcome()


@dataclass(frozen=True, kw_only=True)
class Reading:
    """
    One stretch of an object, and what it is for.

    Args:
        pieces: asks Salesforce.
        moves_cursor: whether what it reads is a window of the live cycle.
        touches: whether what it brings asks for the lines of its records.
        open_since: of a window: since when transactions may have been open while it was read.
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
    touches: bool = False
    open_since: datetime | None = None
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
class Writer:
    """
    Carries out readings and commits what they bring.

    Args:
        prepare: makes the tables fit, in the first transaction; object → number of its set of fields.
        reached: object → how far it has been read.
        pairs: objects with their lines.
        references: fields that a merge moves to another record.
        calls_before: requests made that no row of audit.extraction counts yet.
        beside: where the readings run beside the live cycle: the newest version before they began. What the cycle
            commits meanwhile is newer than what they bring.
        captured: the rows of audit.extraction written so far.
    """

    run: Run
    cycle_id: str
    prepare: Callable[[Connection], dict[str, int]]
    reached: dict[str, Progress]
    pairs: Sequence[Lines] = ()
    references: Sequence[Reference] = ()
    calls_before: int = 0
    beside: int | None = None
    captured: list[CapturedObject] = field(default_factory=list)
    _field_sets: dict[str, int] | None = None
    _cursors: dict[str, datetime] = field(default_factory=dict)
    _open: int = 0
    _at_end: Callable[[Connection], None] | None = None

    def ready(self, con: Connection) -> dict[str, int]:
        """The tables fit from here on; object → number of its set of fields."""
        if self._field_sets is None:
            self._field_sets = self.prepare(con)
        return self._field_sets

    def work(self, jobs: Sequence[Sequence[Reading]], at_end: Callable[[Connection], None] | None = None) -> None:
        """
        Each job's readings come one after the other, the jobs side by side.

        Args:
            at_end: called in the transaction that commits the last piece; not at all where there are no jobs.
        """
        options = self.run.options
        self._open, self._at_end = sum(len(readings) for readings in jobs), at_end
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
            field_sets = self.ready(con)
            captured = [self._load(con, arrival, field_sets) for arrival in arrivals]
            self._open -= sum(arrival.piece.is_last for arrival in arrivals)
            if self._at_end is not None and not self._open:
                self._at_end(con)
        for arrival, row in zip(arrivals, captured, strict=True):
            for rows in arrival.piece.staged:
                # Where the lane is left, the next run may have removed it as a file that a killed run has left.
                rows.path.unlink(missing_ok=True)
            arrival.piece.done()
            self.captured.append(row)
            self.run.on_captured(row)

    def _load(self, con: Connection, arrival: Arrival, field_sets: dict[str, int]) -> CapturedObject:
        reading, piece = arrival.reading, arrival.piece
        name, quota = reading.plan.name, self.run.reader.client.quota
        if self.beside is not None:
            self._refuse_overtaken(con, reading, piece)
        context = LoadContext(
            captured_at=self.run.clock(),
            cycle_id=self.cycle_id,
            field_set_id=field_sets[name],
            is_first_load=reading.is_first_load,
        )
        before = con.execute("select nextval('raw.version_id')").fetchall()[0][0]
        versions = load_rows(con, reading.plan, piece.staged, context) if reading.is_loaded else 0
        outcome = reading.weigh(con, context, piece)
        if reading.touches and versions + outcome.versions:
            for pair in self.pairs:
                if name in (pair.record.name, pair.line.name):
                    note_touched(con, pair, name, after=before)
        if versions:
            for reference in self.references:
                if name == reference.target:
                    note_merged(con, reference, after=before)
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
            open_since=reading.open_since,
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
