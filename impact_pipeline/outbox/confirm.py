"""
impact.com → audit.* → outbox.request: the confirm lane reads until each request has its end.

One listing of actions by date of update; then the queue records, one by one or as one list, whichever costs less.
What was read is kept where it differs from what was known, and settle.py draws the conclusions, all in one transaction.
"""

import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO

import duckdb

from impact_pipeline.outbox.file_ends import FileReading, keep_files, open_files, read_files
from impact_pipeline.outbox.impact.client import (
    ACTIONS,
    SUBMISSIONS,
    ImpactError,
    NotFoundError,
    NotPermittedError,
    RateLimitedError,
    UnreachableError,
    WrongCredentialError,
)
from impact_pipeline.outbox.listing import (
    BY_LOCKING,
    LONGEST_WINDOW,
    Listing,
    Reader,
    Sink,
    list_actions,
    list_submissions,
)
from impact_pipeline.outbox.moves import LeaseLostError
from impact_pipeline.outbox.settings import OutboxSettings
from impact_pipeline.outbox.settle import Findings, settle
from impact_pipeline.warehouse import alive, lease
from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline.warehouse.sql import sql_file

LANE = "confirm"
LEASE_SECONDS = 1800.0
# Updates are read again this far back: impact.com's clock and ours may differ, and a list may lag behind.
OVERLAP = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class ConfirmReport:
    """
    What a run of the lane did.

    Args:
        outcomes: requests that got their end, by outcome; `ready`, `accepted` and `needs_person` count those in doubt
            that go again, were found, or can't be settled by reading.
        submissions, actions: differing observations that were kept.
        api_calls: requests for reading.
        skipped: why nothing was read at all.
        problem: why reading ended early; what was read until then counts.
    """

    outcomes: dict[str, int] = field(default_factory=dict)
    submissions: int = 0
    actions: int = 0
    api_calls: int = 0
    skipped: str | None = None
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class Look:
    """A queue record that is due. `submission_id` None: only the list can tell. `key`: of a conversion."""

    request_id: int
    submission_id: str | None
    key: tuple[str, str] | None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What this run has to read, from the tables. `lists_submissions`: the whole list of queue records, in any case."""

    token: int
    actions_after: datetime
    locking_after: datetime | None
    polls: list[Look]
    in_doubt: dict[tuple[str, str], datetime]
    list_pages: int
    room: int
    lists_submissions: bool = False
    files: dict[str, datetime] = field(default_factory=dict)


@dataclass(kw_only=True)
class Reading:
    """What came of it."""

    listings: list[Listing] = field(default_factory=list)
    files: FileReading | None = None
    gone: list[int] = field(default_factory=list)
    looked_at: list[int] = field(default_factory=list)
    polls: int = 0
    problem: ImpactError | None = None


def confirm(
    warehouse: Warehouse,
    client: Reader,
    settings: OutboxSettings,
    *,
    run_id: str,
    clock: Callable[[], datetime],
) -> ConfirmReport:
    """
    Read what impact.com made of the requests, and settle those whose end is known.

    Args:
        clock: UTC.

    Raises:
        WrongCredentialError: impact.com refused the credential.
        UnreachableError: impact.com could not be reached. What was read before counts.
        LeaseLostError: another run took the lane over; nothing was written.
    """
    with alive.living(warehouse.path, run_id):
        return _confirm(warehouse, client, settings, run_id, clock)


def _confirm(
    warehouse: Warehouse, client: Reader, settings: OutboxSettings, run_id: str, clock: Callable[[], datetime]
) -> ConfirmReport:
    now = clock()
    with warehouse.transaction() as con:
        token = alive.take_lane(con, warehouse.path, LANE, run_id, now, LEASE_SECONDS)
        plan = None if token is None else plan_of(con, settings, token, now)
    if plan is None:
        return ConfirmReport(skipped="another run is reading impact.com.")
    with tempfile.TemporaryDirectory(prefix="impact_pipeline_") as folder:
        files = {resource: Path(folder, resource) for resource in (ACTIONS, SUBMISSIONS)}
        found = read(client, settings, plan, files, now, clock)
        now = clock()
        with warehouse.transaction() as con:
            if not lease.renew(con, LANE, run_id, plan.token, now, LEASE_SECONDS):
                raise LeaseLostError(f"run {run_id} lost the lane {LANE!r} to another run; it writes nothing.")
            report = keep(con, settings, found, files, run_id, now)
            lease.release(con, LANE, run_id, plan.token)
    if isinstance(found.problem, WrongCredentialError | UnreachableError):
        raise found.problem
    return report


def plan_of(con: duckdb.DuckDBPyConnection, settings: OutboxSettings, token: int, now: datetime) -> Plan:
    row = con.execute(
        sql_file(__file__, "reading_plan.sql"), {"now": now, "hour_ago": now - timedelta(hours=1)}
    ).fetchone()
    if row is None:
        raise AssertionError("reading_plan.sql gives one row")
    listed_until, locking_after, last_pages, kept_records, calls = row
    due = con.execute(sql_file(__file__, "looks_due.sql"), {"now": now}).fetchall()
    doubts = con.execute(
        "select ActionTrackerId, OrderId, min(intended_at) from outbox.request "
        "where state = 'in_doubt' and Type = 'Conversion' "
        "and coalesce(group_id, '') not in (select name from outbox.file where state <> 'absent') group by all"
    ).fetchall()
    return Plan(
        token=token,
        actions_after=now - LONGEST_WINDOW if listed_until is None else listed_until - OVERLAP,
        locking_after=locking_after,
        polls=[
            Look(request_id=one[0], submission_id=one[1], key=None if one[2] is None else (one[2], one[3]))
            for one in due
        ],
        in_doubt={(str(one[0]), str(one[1])): one[2] for one in doubts},
        list_pages=max(1, last_pages or 0, -(-kept_records // 1000)),
        room=max(0, settings.requests_per_hour - calls),
        files=open_files(con),
    )


def read(
    client: Reader,
    settings: OutboxSettings,
    plan: Plan,
    files: dict[str, Path],
    now: datetime,
    clock: Callable[[], datetime],
) -> Reading:
    """Read by the plan into the files. An error of impact.com ends reading and is told, what was read before counts."""
    reading = Reading()
    wanted = plan.in_doubt.keys() | {one.key for one in plan.polls}
    found: set[tuple[str, str] | None] = set()

    def see(row: dict[str, str]) -> None:
        key = (row.get("ActionTrackerId", ""), row.get("Oid", ""))
        if key in wanted:
            found.add(key)

    with ExitStack() as stack:
        opened: dict[str, IO[str]] = {
            resource: stack.enter_context(path.open("w", encoding="utf-8")) for resource, path in files.items()
        }
        actions = Sink(ACTIONS, opened[ACTIONS], see)
        submissions = Sink(SUBMISSIONS, opened[SUBMISSIONS])
        try:
            if plan.room == 0:
                raise RateLimitedError("the hour's budget of requests is used up; the next run goes on.", 0)
            campaign_id = settings.campaign_id
            reading.listings.append(
                list_actions(client, actions, campaign_id=campaign_id, after=plan.actions_after, until=now, clock=clock)
            )
            if plan.locking_after is not None:
                reading.listings.append(
                    list_actions(
                        client,
                        actions,
                        campaign_id=campaign_id,
                        after=plan.locking_after,
                        until=now,
                        clock=clock,
                        by=BY_LOCKING,
                    )
                )
            if plan.files:
                reading.files = read_files(client, plan.files, now, clock)
                reading.listings.append(reading.files.listing)
            overdue = any(
                clock() >= since + settings.settle_after for key, since in plan.in_doubt.items() if key not in found
            )
            looks = [one for one in plan.polls if one.key not in found]
            if (
                plan.lists_submissions
                or overdue
                or len(looks) > plan.list_pages
                or any(one.submission_id is None for one in looks)
            ):
                reading.listings.append(list_submissions(client, submissions, clock=clock))
                reading.looked_at = [one.request_id for one in looks]
            else:
                room = plan.room if client.rate.remaining is None else client.rate.remaining
                _poll(client, settings, looks[:room], submissions, reading)
        except ImpactError as error:
            reading.problem = error
    return reading


def _poll(client: Reader, settings: OutboxSettings, looks: list[Look], sink: Sink, reading: Reading) -> None:
    """Read the queue records that are due, one by one, oldest first."""

    def look(one: Look) -> dict[str, object] | ImpactError:
        try:
            return client.record(SUBMISSIONS, str(one.submission_id))
        except ImpactError as error:
            return error

    with ThreadPoolExecutor(min(8, settings.connections)) as executor:
        answers = list(executor.map(look, looks))
    reading.polls += len(looks)
    for one, answer in zip(looks, answers, strict=True):
        if isinstance(answer, NotFoundError):
            reading.gone.append(one.request_id)
        elif isinstance(answer, ImpactError):
            reading.problem = reading.problem or answer
            continue
        else:
            sink.add(answer)
        reading.looked_at.append(one.request_id)


def keep(
    con: duckdb.DuckDBPyConnection,
    settings: OutboxSettings,
    reading: Reading,
    files: dict[str, Path],
    run_id: str,
    now: datetime,
) -> ConfirmReport:
    values = {"run_id": run_id, "now": now}
    con.execute(sql_file(__file__, "read_actions.sql"), {"file": str(files[ACTIONS])})
    con.execute(sql_file(__file__, "read_submissions.sql"), {"file": str(files[SUBMISSIONS])})
    actions = _count(con, sql_file(__file__, "keep_actions.sql"), values)
    submissions = _count(con, sql_file(__file__, "keep_submissions.sql"), values)
    for one in reading.listings:
        con.execute(sql_file(__file__, "keep_listing.sql"), {**vars(one), "run_id": run_id})
    if reading.polls:
        con.execute(
            sql_file(__file__, "keep_listing.sql"),
            {**vars(_polled(reading.polls, now)), "run_id": run_id},
        )
    if reading.files is not None:
        keep_files(con, settings, reading.files, run_id=run_id, now=now)
    outcomes = settle(
        con,
        settings,
        Findings(
            actions=_complete(reading.listings, ACTIONS),
            submissions=_complete(reading.listings, SUBMISSIONS),
            gone=reading.gone,
            looked_at=reading.looked_at,
            reading_is_forbidden=isinstance(reading.problem, NotPermittedError),
        ),
        run_id=run_id,
        now=now,
    )
    return ConfirmReport(
        outcomes=outcomes,
        submissions=submissions,
        actions=actions,
        api_calls=sum(one.api_calls for one in reading.listings) + reading.polls,
        problem=None if reading.problem is None else str(reading.problem),
    )


def _complete(listings: list[Listing], what: str) -> datetime | None:
    return next((one.started_at for one in listings if one.what == what and one.is_complete), None)


def _polled(count: int, now: datetime) -> Listing:
    """The requests for single records, as a line of audit.listing, so that the budget counts them."""
    return Listing(
        what=f"{SUBMISSIONS} by id",
        window_after=None,
        window_until=None,
        pages=0,
        rows_read=count,
        is_complete=False,
        api_calls=count,
        started_at=now,
        finished_at=now,
    )


def _count(con: duckdb.DuckDBPyConnection, sql: str, values: dict[str, object]) -> int:
    row = con.execute(sql, values).fetchone()
    return int(row[0]) if row else 0
