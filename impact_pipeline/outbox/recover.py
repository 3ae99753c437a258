"""
Goes on after an old copy of the warehouse was put back.

The copy has forgotten what was sent after it was made. impact.com's two lists, read to their end after the last byte
that the lost file can have sent, know it: what waits to be sent here and is known there is in doubt, and settles like
any lost answer. What the copy has not decided yet is decided anew from Salesforce, under the same keys, and met with
the same records when it is queued. So nothing is sent twice, and what never left is sent.
"""

import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from impact_pipeline.outbox import confirm
from impact_pipeline.outbox.impact.client import ACTIONS, SUBMISSIONS
from impact_pipeline.outbox.listing import Reader
from impact_pipeline.outbox.moves import LeaseLostError
from impact_pipeline.outbox.queue import doubt_what_is_there
from impact_pipeline.outbox.settings import OutboxSettings
from impact_pipeline.warehouse import alive, high_water, lease
from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline.warehouse.sql import sql_file

# impact.com keeps queue records for 90 days; what it was told before can't be read any more.
LONGEST_LOSS = timedelta(days=89)
# Clocks may differ, and the newest move of the copy was made some moments before the next request.
MARGIN = timedelta(minutes=5)


class NotRecovered(Exception):
    """Sending stays stopped; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class RecoverReport:
    """
    What was found.

    Args:
        is_old_copy: False: the file is the newest one, there was nothing to do.
        lost_since: the newest move that the file knows; None: it knows of none.
        lost_until: when the lost file was about to send last.
        found_there: requests that wait here and that impact.com has; in doubt now.
        unknown_here: conversions that impact.com was told since and that are not decided here (yet).
        outcomes: requests that got their end by reading, by outcome.
        api_calls: requests for reading.
    """

    is_old_copy: bool
    lost_since: datetime | None = None
    lost_until: datetime | None = None
    found_there: int = 0
    unknown_here: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    api_calls: int = 0


def recover(
    warehouse: Warehouse,
    client: Reader,
    settings: OutboxSettings,
    *,
    run_id: str,
    clock: Callable[[], datetime],
    is_rehearsal: bool = False,
) -> RecoverReport:
    """
    Read what impact.com has, let the copy know it, and let sending go on.

    Args:
        clock: UTC.
        is_rehearsal: impact.com is read all the same, but nothing is written.

    Raises:
        NotRecovered: too early, too late, the lists were incomplete, or another run is reading them.
        ImpactError: impact.com could not be read.
        LeaseLostError: another run took the lane over; nothing was written.
    """

    def hold() -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        return warehouse.rehearsal() if is_rehearsal else warehouse.transaction()

    with alive.living(warehouse.path, run_id):
        now = clock()
        with hold() as con:
            if not _is_old_copy(con, warehouse):
                return RecoverReport(is_old_copy=False)
            lost_since, lost_until = _newest_move_at(con), high_water.marked_at(warehouse.path) or now
            _check_times(lost_since, lost_until, settings, now)
            token = alive.take_lane(con, warehouse.path, confirm.LANE, run_id, now, confirm.LEASE_SECONDS)
            if token is None:
                raise NotRecovered("Another run is reading impact.com. Run impact-pipeline recover again after it.")
            plan = confirm.plan_of(con, settings, token, now)
        after = plan.actions_after if lost_since is None else min(plan.actions_after, lost_since - MARGIN)
        plan = replace(plan, actions_after=after, lists_submissions=True)
        with tempfile.TemporaryDirectory(prefix="impact_pipeline_") as folder:
            files = {resource: Path(folder, resource) for resource in (ACTIONS, SUBMISSIONS)}
            found = confirm.read(client, settings, plan, files, now, clock)
            now = clock()
            if problem := _why_not_whole(found):
                with hold() as con:
                    lease.release(con, confirm.LANE, run_id, token)
                raise problem
            with hold() as con:
                if not is_rehearsal and not lease.renew(con, confirm.LANE, run_id, token, now, confirm.LEASE_SECONDS):
                    raise LeaseLostError(f"run {run_id} lost the lane {confirm.LANE!r}; it writes nothing.")
                since = datetime.fromtimestamp(0, UTC) if lost_since is None else lost_since - MARGIN
                kept = confirm.keep(con, settings, found, files, run_id, now)
                there = doubt_what_is_there(con, run_id=run_id, now=now, lost_since=since)
                row = con.execute(sql_file(__file__, "recover_unknown.sql"), {"lost_since": since}).fetchone()
                lease.release(con, confirm.LANE, run_id, token)
                newest = _newest_move(con)
        if not is_rehearsal:
            # Only now: a crash before leaves the old mark, and this is done again.
            _mark(warehouse, newest)
    return RecoverReport(
        is_old_copy=True,
        lost_since=lost_since,
        lost_until=lost_until,
        found_there=there,
        unknown_here=int(row[0]) if row else 0,
        outcomes=kept.outcomes,
        api_calls=kept.api_calls,
    )


def _is_old_copy(con: duckdb.DuckDBPyConnection, warehouse: Warehouse) -> bool:
    try:
        high_water.check(con, warehouse.path)
    except high_water.RestoredOldCopy:
        return True
    return False


def _check_times(lost_since: datetime | None, lost_until: datetime, settings: OutboxSettings, now: datetime) -> None:
    """A list is a proof only when it is begun long enough after the last byte, and in time."""
    if now < lost_until + settings.settle_after:
        raise NotRecovered(
            f"The lost file was sending until {lost_until:%Y-%m-%d %H:%M:%SZ}; what it sent shows after a while. "
            f"Run impact-pipeline recover again after {lost_until + settings.settle_after:%H:%M:%SZ}."
        )
    if lost_since is not None and now - lost_since > LONGEST_LOSS:
        raise NotRecovered(
            f"The copy ends at {lost_since:%Y-%m-%d}; impact.com keeps its queue records for 90 days only, so what it "
            "was told since can't be read. Put a newer copy back, or begin a new warehouse: what is there then counts "
            "as reported."
        )


def _why_not_whole(found: confirm.Reading) -> Exception | None:
    """What forbids to conclude from the lists that something is not there."""
    if found.problem is not None:
        return found.problem
    for what in (ACTIONS, SUBMISSIONS):
        if not any(one.what == what and one.is_complete for one in found.listings):
            return NotRecovered(
                f"impact.com's list of {what} could not be read to its end: rows were missing. Run impact-pipeline "
                "recover again."
            )
    return None


def _mark(warehouse: Warehouse, newest: tuple[int, datetime] | None) -> None:
    if newest is None:
        high_water.clear(warehouse.path)
    else:
        high_water.write(warehouse.path, *newest)


def _newest_move_at(con: duckdb.DuckDBPyConnection) -> datetime | None:
    newest = _newest_move(con)
    return None if newest is None else newest[1]


def _newest_move(con: duckdb.DuckDBPyConnection) -> tuple[int, datetime] | None:
    row = con.execute(
        "select transition_id, moved_at from audit.transition order by transition_id desc limit 1"
    ).fetchone()
    return None if row is None else (int(row[0]), row[1])
