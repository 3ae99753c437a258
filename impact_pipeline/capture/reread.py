"""
Reading a stretch of an object again, because a person asks: beside the live cycle, in a lane and with files of its own.

The stretch is cut into parts by time, each committed by itself with a row of audit.extraction. No cursor moves. What is
found are ordinary differences for the next cycle, and a record that was never seen before has `appeared`: what the next
window of the cycle would bring anyhow, and what may still be `created`, is left to it.

A reread that was stopped is told by its rows: the first names the whole stretch, the others how far it came, and the
one that ends it is missing. The same command within a day goes on there, under the same cycle_id.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from impact_pipeline.capture import tables
from impact_pipeline.capture.committing import Overtaken, Writer
from impact_pipeline.capture.cycle import quota_told, reader_of
from impact_pipeline.capture.describing import describe_all
from impact_pipeline.capture.drift import note_drift
from impact_pipeline.capture.extraction import Extraction
from impact_pipeline.capture.lines import Lines, lines_of
from impact_pipeline.capture.objects import ObjectPlan, plan_objects
from impact_pipeline.capture.progress import BEGINNING, CapturedObject, Progress, live_cursor, progress, record
from impact_pipeline.capture.reading import Question
from impact_pipeline.capture.run import CaptureOptions, Run, lane
from impact_pipeline.capture.salesforce.bulk import forget_jobs
from impact_pipeline.capture.salesforce.client import SalesforceClient
from impact_pipeline.capture.staging import staging_folder
from impact_pipeline.capture.windows import Window, upper_bound, whole_second
from impact_pipeline.config.load import Config
from impact_pipeline.warehouse.binding import bind
from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline.warehouse.sql import sql_file

LANE = "reread"
# An older one is begun anew: what it has read by then says too little about now.
GOES_ON_WITHIN = timedelta(days=1)
# How often the cycle may commit newer versions of what is being read before we give up.
ATTEMPTS = 5


class NothingToReread(Exception):
    """The object isn't captured, or the cycle reads the stretch anyhow."""


@dataclass(frozen=True, kw_only=True)
class RereadReport:
    """
    What was read again.

    Args:
        after, until: the whole stretch; None: from the beginning.
        went_on_at: where a reread that had been stopped was taken up; None: this is a new one.
        captured: the rows of audit.extraction of this run.
    """

    cycle_id: str
    object: str
    after: datetime | None
    until: datetime
    went_on_at: datetime | None
    captured: tuple[CapturedObject, ...]


def reread(
    warehouse: Warehouse,
    client: SalesforceClient,
    config: Config,
    object_name: str,
    *,
    after: datetime | None = None,
    until: datetime | None = None,
    sweep: bool = False,
    accept_gone: int = 0,
    run_id: str,
    staging: Path,
    clock: Callable[[], datetime],
    account_sid: str,
    campaign_id: str,
    on_captured: Callable[[CapturedObject], None] = lambda captured: None,
) -> RereadReport:
    """Read an object of a configuration again; see `reread_object`."""
    return reread_object(
        warehouse,
        client,
        config.capture_set(),
        object_name,
        optional=config.optional_objects(),
        only=config.capture_filter(object_name),
        lines=config.lines(),
        after=after,
        until=until,
        sweep=sweep,
        accept_gone=accept_gone,
        run_id=run_id,
        staging=staging,
        clock=clock,
        account_sid=account_sid,
        campaign_id=campaign_id,
        options=CaptureOptions(lag=config.pipeline.capture.lag, overlap=config.pipeline.capture.overlap),
        on_captured=on_captured,
    )


def reread_object(
    warehouse: Warehouse,
    client: SalesforceClient,
    wanted: Mapping[str, Iterable[str]],
    object_name: str,
    *,
    optional: Iterable[str] = (),
    only: str | None = None,
    lines: Mapping[str, tuple[str, str]] | None = None,
    after: datetime | None = None,
    until: datetime | None = None,
    sweep: bool = False,
    accept_gone: int = 0,
    run_id: str,
    staging: Path,
    clock: Callable[[], datetime],
    account_sid: str,
    campaign_id: str,
    options: CaptureOptions | None = None,
    on_captured: Callable[[CapturedObject], None] = lambda captured: None,
) -> RereadReport:
    """
    Read what is stamped in [after, until) again, and the lines of the records that this changed.

    Args:
        wanted, optional, lines: as for a cycle; the set of fields has to be the same.
        only: SOQL condition that the object's records have to meet.
        after: None reads from the beginning.
        until: None, or what lies further, reads up to where the next window of the cycle starts.
        sweep: compare all Ids with Salesforce's besides.
        accept_gone: so many records may be missing in the sweep: a person says that they were deleted.

    Raises:
        NothingToReread: the object was never captured in full, or the stretch is empty.
        CaptureBusy: another reread is running.
        Overtaken: the cycle committed newer versions of the same records again and again.
        SalesforceError: what was committed before stays, and the same call goes on there.
    """
    options = options or CaptureOptions()

    def look(con: duckdb.DuckDBPyConnection) -> dict[str, Progress]:
        bind(con, organization.id, organization.is_sandbox, account_sid, campaign_id, clock())
        return progress(con)

    with quota_told(lambda: "The same command, within a day, goes on where it stopped."):
        calls_before = client.api_calls
        client.check_version()
        organization = client.organization()
        with lane(warehouse, LANE, run_id, clock, options.wait_seconds, look) as held:
            # Their rows are as old as they are.
            forget_jobs(client, staging.glob(f"{LANE}-*/bulk-*.json"))
            with staging_folder(staging, LANE) as folder:
                describe, absent = describe_all(client, wanted, frozenset(optional), readers=options.readers)
                plans = plan_objects({name: wanted[name] for name in wanted if name not in absent}, describe)
                if object_name not in plans:
                    raise NothingToReread(f"{object_name} is not captured. These are: {', '.join(sorted(plans))}.")
                pairs = [it for it in lines_of(plans, lines or {}) if object_name in (it.record.name, it.line.name)]
                mine = {name: plans[name] for name in _concerned(object_name, pairs)}
                bound = _bound(object_name, held.found, upper_bound(client.server_now, options.lag), options)
                run = Run(
                    warehouse=warehouse,
                    run_id=run_id,
                    lane=LANE,
                    held=held,
                    reader=reader_of(client, folder, folder, options, {}),
                    clock=clock,
                    # What is committed together is read again together where the cycle overtakes it.
                    options=replace(options, gather_seconds=0.0),
                    on_captured=on_captured,
                )
                with run.transaction() as con:
                    stretch = _stretch(con, object_name, after, min(until or bound, bound), asked=until, now=clock())
                    stretch = replace(stretch, cycle_id=stretch.cycle_id or f"reread {run_id}")
                    for plan in mine.values():
                        note_drift(con, plan, now=clock(), cycle_id=str(stretch.cycle_id))
                    field_sets = {name: tables.prepare(con, plan, now=bound) for name, plan in mine.items()}
                    if not stretch.is_begun:
                        _note(con, stretch, "reread", run_id=run_id, now=clock())
                work = _Work(
                    stretch=stretch,
                    plan=plans[object_name],
                    plans=mine,
                    sweep=sweep,
                    accept_gone=accept_gone,
                    until=bound,
                    only=only,
                    writer=Writer(
                        run=run,
                        cycle_id=str(stretch.cycle_id),
                        prepare=lambda con: field_sets,
                        reached=held.found,
                        pairs=pairs,
                        calls_before=client.api_calls - calls_before,
                    ),
                )
                work.to_the_end()
    return RereadReport(
        cycle_id=str(stretch.cycle_id),
        object=object_name,
        after=after,
        until=stretch.until,
        went_on_at=stretch.went_on_at,
        captured=tuple(work.writer.captured),
    )


@dataclass(frozen=True, kw_only=True)
class _Stretch:
    """[after, until) of an object; `is_begun` where an earlier run has, and `went_on_at` how far it came."""

    object: str
    after: datetime | None
    until: datetime
    cycle_id: str | None = None
    is_begun: bool = False
    went_on_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class _Work:
    stretch: _Stretch
    plan: ObjectPlan
    plans: Mapping[str, ObjectPlan]
    sweep: bool
    accept_gone: int
    until: datetime
    only: str | None
    writer: Writer

    def to_the_end(self) -> None:
        """Each round goes on where the last one came to; one that committed nothing counts as failed."""
        failures, run = 0, self.writer.run
        while True:
            rows = len(self.writer.captured)
            filters = {} if self.only is None else {self.stretch.object: self.only}
            extraction = Extraction(writer=self.writer, plans=self.plans, until=self.until, filters=filters)
            with run.warehouse.reading() as con:
                self.writer.beside = tables.newest_version(con, self.plans)
                extraction.find_lines(con)
                done = _left(con, self.stretch.object, self.stretch.after, self.stretch.until, None)
            try:
                self._round(extraction, None if done is None else done.went_on_at)
                break
            except Overtaken:
                failures = failures + 1 if len(self.writer.captured) == rows else 0
                if failures == ATTEMPTS:
                    raise
        with run.transaction() as con:
            _note(con, self.stretch, "reread_end", run_id=run.run_id, now=run.clock())

    def _round(self, extraction: Extraction, reached: datetime | None) -> None:
        if reached is None or reached < self.stretch.until:
            extraction.reread(self.plan, self._parts(reached or self.stretch.after))
        extraction.read_lines()
        if self.sweep:
            extraction.sweep([self.plan], accepted=self.accept_gone)

    def _parts(self, after: datetime | None) -> list[Window]:
        """The rest of the stretch in parts of about as many rows as are committed at once: two requests tell."""
        until, run = self.stretch.until, self.writer.run
        cursor = self.plan.description.cursor_field
        question = Question(
            plan=self.plan,
            until=until,
            conditions=() if self.only is None else (f"({self.only})",),
            after=after,
            before=until,
        )
        client, calls_before = run.reader.client, run.reader.client.api_calls
        total = client.count(question.soql(ordered=False, fields=()))
        count = -(-total // run.options.rows_per_reread)
        bounds = client.bounds(self.plan.name, cursor, question.all_conditions) if count > 1 else None
        self.writer.calls_before += client.api_calls - calls_before
        edges: list[datetime | None] = [after]
        if bounds is not None:
            steps = (bounds[0] + (bounds[1] - bounds[0]) * number / count for number in range(1, count))
            edges += sorted({edge for step in steps if (after or bounds[0]) < (edge := whole_second(step)) < until})
        ends = [edge for edge in edges[1:] if edge is not None] + [until]
        return [Window(after=start, until=end) for start, end in zip(edges, ends, strict=True)]


def _concerned(object_name: str, pairs: Iterable[Lines]) -> list[str]:
    return list(dict.fromkeys([object_name, *(name for pair in pairs for name in (pair.record.name, pair.line.name))]))


def _bound(object_name: str, reached: Mapping[str, Progress], until: datetime, options: CaptureOptions) -> datetime:
    """Where the next window of the cycle starts."""
    mine = reached.get(object_name)
    if mine is None or mine.is_first_load:
        raise NothingToReread(f"The first load of {object_name} has not ended. Run a cycle first: impact-pipeline run.")
    return mine.window(max(until, mine.cursor), options.overlap).after or mine.cursor


def _stretch(
    con: duckdb.DuckDBPyConnection,
    object_name: str,
    after: datetime | None,
    until: datetime,
    *,
    asked: datetime | None,
    now: datetime,
) -> _Stretch:
    """What is left of a reread that was stopped, or the stretch as asked."""
    left = _left(con, object_name, after, None if asked is None else until, now - GOES_ON_WITHIN)
    if left is not None:
        return left
    if after is not None and after >= until:
        raise NothingToReread(
            f"Nothing of {object_name} lies from {after.isoformat()} until {until.isoformat()}. What was stamped later "
            "is read by the next cycle anyhow: impact-pipeline run."
        )
    return _Stretch(object=object_name, after=after, until=until)


def _left(
    con: duckdb.DuckDBPyConnection,
    object_name: str,
    after: datetime | None,
    until: datetime | None,
    since: datetime | None,
) -> _Stretch | None:
    values = {"object": object_name, "after": after, "until": until, "since": since or BEGINNING}
    row = con.execute(sql_file(__file__, "reread_left.sql"), values).fetchone()
    if row is None:
        return None
    cycle_id, end, reached = row
    return _Stretch(
        object=object_name,
        after=after,
        until=end.astimezone(UTC),
        cycle_id=cycle_id,
        is_begun=True,
        went_on_at=None if reached is None or reached == BEGINNING else reached.astimezone(UTC),
    )


def _note(con: duckdb.DuckDBPyConnection, stretch: _Stretch, purpose: str, *, run_id: str, now: datetime) -> None:
    """The row that names the whole stretch, or the one that says that all of it is read."""
    record(
        con,
        CapturedObject(
            cycle_id=str(stretch.cycle_id),
            object=stretch.object,
            method="rest",
            purpose=purpose,
            window_after=stretch.after,
            window_until=stretch.until,
            cursor=live_cursor(con, stretch.object),
            is_first_load=False,
            rows_read=0,
            versions_written=0,
            deletes_seen=0,
            latest_date_covered=None,
            api_calls=0,
            quota_used=None,
            quota_max=None,
            fields_missing=(),
            fields_added=(),
            run_id=run_id,
            started_at=now,
            finished_at=now,
        ),
    )
