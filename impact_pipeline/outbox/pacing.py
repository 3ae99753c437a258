"""
When the submit lane may go on, told from the newest attempts alone, so that it holds across runs and restarts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import takewhile

import duckdb

from impact_pipeline.outbox.states import Wait
from impact_pipeline.outbox.verdicts import Verdict, why_turned_away
from impact_pipeline.warehouse.sql import sql_file

# How many of the newest attempts are looked at.
LOOK_BACK = 64
STOPPED_FOR = timedelta(minutes=5)
BREAKER_FIRST, BREAKER_LONGEST = timedelta(minutes=1), timedelta(minutes=30)
BACK_OFF_FIRST, BACK_OFF_LONGEST = timedelta(seconds=10), timedelta(minutes=15)


@dataclass(frozen=True, kw_only=True)
class PastAttempt:
    """One row of audit.attempt, as far as pacing asks."""

    group_id: str
    verdict: str
    started_at: datetime
    wait_seconds: float | None = None
    http_status: int | None = None


@dataclass(frozen=True, kw_only=True)
class LaneState:
    """
    Args:
        open_at: nothing is sent before; None: at once.
        wait, why: the code and a sentence, where open_at is given.
        is_probing: True after trouble: the next group is one row only.
        turned_away: the reason of the newest verdict that was about the account and not about a request; None: it was
            accepted since. A person has to do something.
    """

    open_at: datetime | None = None
    wait: Wait | None = None
    why: str = ""
    is_probing: bool = False
    turned_away: str | None = None


def read_lane(con: duckdb.DuckDBPyConnection, now: datetime, *, breaker_after: int, refused_alike: int) -> LaneState:
    """The lane's state by audit.attempt."""
    rows = con.execute(sql_file(__file__, "newest_attempts.sql"), {"count": LOOK_BACK}).fetchall()
    names = ("group_id", "verdict", "started_at", "wait_seconds", "http_status")
    attempts = [PastAttempt(**dict(zip(names, row, strict=True))) for row in rows]
    return lane_state(attempts, now, breaker_after=breaker_after, refused_alike=refused_alike)


def lane_state(
    newest_first: Sequence[PastAttempt], now: datetime, *, breaker_after: int, refused_alike: int
) -> LaneState:
    """
    What the newest attempts say about the next one: a wait that impact.com asked for, a stopped lane, an open breaker.

    A breaker stays open for a minute after the first group that was lost, twice as long with each further one, and half
    an hour at most.
    """
    asked = max(
        (one.started_at + timedelta(seconds=one.wait_seconds) for one in newest_first if one.wait_seconds is not None),
        default=now,
    )
    if asked > now:
        return LaneState(open_at=asked, wait=Wait.RATE_LIMITED, why=f"impact.com asks to wait until {_clock(asked)}")
    fruitless = list(takewhile(lambda one: one.verdict != Verdict.ACCEPTED, newest_first))
    if not fruitless:
        return LaneState()
    last_at = fruitless[0].started_at
    turned_away = next((one for one in fruitless if one.verdict == Verdict.STOP_LANE), None)
    if turned_away is not None:
        why = why_turned_away(f"http_{turned_away.http_status}")
        state = _closed(now, last_at + STOPPED_FOR, f"{why}; that was at {_clock(last_at)}")
        return replace(state, turned_away=f"http_{turned_away.http_status}")
    lost = list(takewhile(lambda one: one.verdict in (Verdict.IN_DOUBT, Verdict.NOT_SENT), fruitless))
    if len(lost) >= breaker_after:
        groups = len({one.group_id for one in lost})
        until = last_at + min(BREAKER_FIRST * (1 << (groups - 1)), BREAKER_LONGEST)
        return _closed(now, until, f"the last {len(lost)} requests had no answer, and the breaker is open")
    refused = list(takewhile(lambda one: one.verdict == Verdict.REFUSED, fruitless))
    if len(refused) >= refused_alike:
        return _closed(now, last_at + STOPPED_FOR, f"impact.com refused the last {len(refused)} requests")
    return LaneState()


def _closed(now: datetime, until: datetime, why: str) -> LaneState:
    """Closed until then; open for one probe after that, because nothing has been accepted since."""
    if until <= now:
        return LaneState(is_probing=True)
    sentence = f"{why}; the next try is at {_clock(until)}"
    return LaneState(open_at=until, wait=Wait.BREAKER_OPEN, why=sentence, is_probing=True)


def back_off(attempt_count: int) -> timedelta:
    """How long a request rests after its connection failed for the n-th time: 10 s, 20 s, ... a quarter of an hour."""
    doublings = min(max(attempt_count - 1, 0), 10)
    return min(BACK_OFF_FIRST * (1 << doublings), BACK_OFF_LONGEST)


def _clock(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%SZ")
