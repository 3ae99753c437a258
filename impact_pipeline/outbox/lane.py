"""
The submit lane's dealings with the warehouse: its lease, the intents it commits, the answers it keeps.

Each method is one transaction; none of them waits for impact.com.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import duckdb

from impact_pipeline.outbox.masking import masked_payload
from impact_pipeline.outbox.moves import LeaseLostError, carry_out, list_moves
from impact_pipeline.outbox.pacing import LaneState, back_off, read_lane
from impact_pipeline.outbox.pool import ENDPOINTS, TURNED_AWAY, Row, Sent, Stop, Watch, Writer, rows_per_second
from impact_pipeline.outbox.queue import doubt_what_is_there, queue_corrections
from impact_pipeline.outbox.settings import OutboxSettings
from impact_pipeline.outbox.states import RequestType, State, Wait
from impact_pipeline.outbox.verdicts import Judgement, Verdict
from impact_pipeline.warehouse import alive, high_water, lease
from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline.warehouse.sql import sql_file

LANE = "submit"
FIRST_LOOK_AFTER = timedelta(minutes=10)
# A request under way lasts at most about this long; none is begun that could outlast the lease.
LONGEST_REQUEST_SECONDS = 45.0
# A group is about what the pool sends in this time, or in two turns if they take longer, so that the pool never waits
# for one: a turn costs about the same for few rows as for many. A larger group would leave more in doubt after a crash.
GROUP_SECONDS = 0.5
NOT_SENT = "lane_stopped"


class Client(Writer, Protocol):
    """What the lane needs of impact.com's client."""

    def masked(self, text: str) -> str: ...


@dataclass(frozen=True, kw_only=True)
class SubmitReport:
    """
    What a run of the lane did.

    Args:
        verdicts: requests sent, by verdict.
        accepted_amounts: money in accepted conversions, by currency, as text with two decimals.
        recovered: requests that an earlier run had left without an answer and that are in doubt now.
        waits: ready requests that were left, by what they wait for.
        skipped: why nothing was tried at all; None where the lane ran.
        stop: why the lane ended before its queue did, or did not begin because a person has to do something.
    """

    verdicts: dict[str, int] = field(default_factory=dict)
    accepted_amounts: dict[str, str] = field(default_factory=dict)
    groups: int = 0
    recovered: int = 0
    waits: dict[str, int] = field(default_factory=dict)
    skipped: str | None = None
    stop: Stop | None = None

    @property
    def sent(self) -> int:
        return sum(self.verdicts.values())


class Lane:
    """One run in the lane: its lease, its watch over the answers, its counts."""

    def __init__(
        self,
        *,
        warehouse: Warehouse,
        client: Client,
        settings: OutboxSettings,
        run_id: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._warehouse, self._client, self._settings = warehouse, client, settings
        self._run_id, self._clock = run_id, clock
        self.watch = Watch(
            breaker_after=settings.breaker_after,
            refused_alike=settings.refused_alike,
            reading_share=settings.reading_share,
        )
        self.until = 0.0
        self.report: SubmitReport | None = None
        self._token = 0
        self._groups = 0
        self._group_size = settings.group_size
        self._turn_seconds = 0.0
        self._recovered = 0
        self._is_probing = False
        self._verdicts: Counter[str] = Counter()
        self._intended: dict[int, Row] = {}

    def enter(self) -> "list[Row] | SubmitReport":
        """Take the lease, put in doubt what another run left, and intend the first group; or say why there is none."""
        began = time.monotonic()
        now = self._clock()
        with self._warehouse.transaction() as con:
            high_water.check(con, self._warehouse.path)
            token = alive.take_lane(con, self._warehouse.path, LANE, self._run_id, now, self._settings.lease_seconds)
            if token is None:
                return SubmitReport(skipped=holder(con))
            self._token = token
            self._recovered = doubt_stranded(con, self._settings, run_id=self._run_id, token=token, now=now)
            queue_corrections(con, self._settings, run_id=self._run_id, now=now)
            doubt_what_is_there(con, run_id=self._run_id, now=now)
            state = read_lane(
                con,
                now,
                breaker_after=self._settings.breaker_after,
                refused_alike=self._settings.refused_alike,
            )
            if state.open_at is not None:
                return self._keep_out(con, state)
            self._is_probing = state.is_probing
            rows = self._intend(con, now)
            newest = newest_move(con, now)
            report = None if rows else self._leave(con)
        self._after_commit(began, rows, newest)
        return rows if report is None else report

    def turn(self, last: Sequence[Sent], *, is_idle: bool) -> list[Row]:
        """
        Keep the answers of the group before and intend the next one, in one transaction.

        Args:
            is_idle: nothing is being sent meanwhile; if there is nothing to intend either, the run is over: the lane is
                freed and `report` is there.
        """
        began = time.monotonic()
        now = self._clock()
        with self._warehouse.transaction() as con:
            self._renew(con, now)
            self._keep(con, last, now)
            self._fit_group(last)
            may_go_on = self.watch.stop is None and not self._is_probing
            rows = self._intend(con, now) if may_go_on else []
            newest = newest_move(con, now)
            report = None
            if is_idle and not rows:
                if not may_go_on:
                    self._settle_waits(con, now)
                report = self._leave(con)
        self.report = report
        self._after_commit(began, rows, newest)
        self._turn_seconds = time.monotonic() - began
        return rows

    def _keep_out(self, con: duckdb.DuckDBPyConnection, state: LaneState) -> SubmitReport:
        lease.release(con, LANE, self._run_id, self._token)
        stop = None
        if state.turned_away is not None:
            stop = Stop(code=TURNED_AWAY, why=state.why, needs_person=True, reason=state.turned_away)
        return SubmitReport(skipped=f"nothing is sent: {state.why}.", recovered=self._recovered, stop=stop)

    def _renew(self, con: duckdb.DuckDBPyConnection, now: datetime) -> None:
        if not lease.renew(con, LANE, self._run_id, self._token, now, self._settings.lease_seconds):
            raise LeaseLostError(
                f"run {self._run_id} lost the lane {LANE!r} to another run; what it had sent is settled by reading."
            )

    def _after_commit(self, began: float, rows: list[Row], newest: tuple[int, datetime]) -> None:
        """What has to be true before the group's first byte leaves."""
        self.until = began + self._settings.lease_seconds - LONGEST_REQUEST_SECONDS
        if rows:
            high_water.write(self._warehouse.path, *newest)

    def _intend(self, con: duckdb.DuckDBPyConnection, now: datetime) -> list[Row]:
        """Commit the intent of the next group in the caller's transaction; its rows in the order of sending."""
        self._settle_waits(con, now)
        size = 1 if self._is_probing else self._group_size
        room = self.watch.room()
        if room is not None:
            size = min(size, max(0, room - len(self._intended)))
            if size == 0 and not self._intended:
                self.watch.stop_with(Stop(code="rate_limited", why="the rest of the hour's budget is left for reading"))
            if size == 0:
                return []
        group_id = f"{self._run_id}/{self._groups + 1}"
        list_moves(con)
        con.execute(sql_file(__file__, "claim.sql"), {"group_id": group_id, "group_size": size})
        if not carry_out(con, run_id=self._run_id, now=now, lane=LANE, token=self._token):
            return []
        self._groups += 1
        rows = [
            Row(
                request_id=one[0], type=RequestType(one[1]), payload=one[2], payload_sha256=one[3], attempt_count=one[4]
            )
            for one in con.execute(
                sql_file(__file__, "claimed.sql"), {"group_id": group_id, "token": self._token}
            ).fetchall()
        ]
        self._intended |= {row.request_id: row for row in rows}
        return rows

    def _fit_group(self, last: Sequence[Sent]) -> None:
        """Let the next groups be as large as the answers of this one say that the pool can send in time."""
        if rate := rows_per_second(last):
            fitting = int(rate * max(GROUP_SECONDS, 2 * self._turn_seconds))
            self._group_size = min(max(fitting, self._settings.group_size), self._settings.largest_group)

    def _settle_waits(self, con: duckdb.DuckDBPyConnection, now: datetime) -> None:
        read_due(con, self._settings, now)
        con.execute(sql_file(__file__, "note_waits.sql"))

    def _keep(self, con: duckdb.DuckDBPyConnection, answers: Sequence[Sent], now: datetime) -> None:
        """Append the attempts and move their requests, by the lease under which they were intended."""
        if not answers:
            return
        given = json.dumps([self._record(one, now) for one in answers])
        con.execute(sql_file(__file__, "answers_table.sql"), {"answers": given})
        con.execute(sql_file(__file__, "keep_attempts.sql"), {"run_id": self._run_id, "token": self._token})
        list_moves(con)
        con.execute(sql_file(__file__, "answer_moves.sql"))
        carry_out(con, run_id=self._run_id, now=now, lane=LANE, token=self._token)
        for one in answers:
            self._intended.pop(one.row.request_id, None)
            if one.judgement is not None:
                self._verdicts[str(one.judgement.verdict)] += 1

    def _record(self, sent: Sent, now: datetime) -> dict[str, object]:
        """One answer as answers_table.sql reads it."""
        judgement = sent.judgement
        if judgement is None:
            return {"request_id": sent.row.request_id, "to_state": State.READY, "reason": NOT_SENT}
        method, endpoint = ENDPOINTS[sent.row.type]
        to_state, wait_code, rest = _consequence(judgement, sent.row.attempt_count)
        return {
            "request_id": sent.row.request_id,
            "to_state": to_state,
            "reason": judgement.reason,
            "wait": wait_code,
            "due_at": None if rest is None else (now + rest).isoformat(),
            "next_look_at": (now + FIRST_LOOK_AFTER).isoformat(),
            "submission_id": judgement.submission_id,
            "method": method,
            "endpoint": endpoint,
            "payload_sha256": sent.row.payload_sha256,
            "masked_payload": masked_payload(sent.row.payload),
            "started_at": sent.started_at.isoformat(),
            "duration_seconds": round(sent.duration_seconds, 4),
            "http_status": sent.status,
            "verdict": judgement.verdict,
            "answer": self._client.masked(sent.answer)[:500],
            "wait_seconds": self._asked_wait(judgement),
        }

    def _asked_wait(self, judgement: Judgement) -> float | None:
        """The wait that an answer asks for, also by a budget of which only reading's share is left."""
        rate = judgement.rate
        if judgement.wait_seconds is None and rate.remaining is not None and rate.reset_seconds is not None:
            is_used_up = rate.remaining <= int((rate.limit or 0) * self._settings.reading_share)
            return min(max(rate.reset_seconds, 1.0), 3600.0) if is_used_up else None
        return judgement.wait_seconds

    def _leave(self, con: duckdb.DuckDBPyConnection) -> SubmitReport:
        """Free the lane and tell what was done; the waits are those that were settled in this transaction."""
        lease.release(con, LANE, self._run_id, self._token)
        amounts = con.execute(
            sql_file(__file__, "accepted_amounts.sql"), {"run_id": self._run_id, "token": self._token}
        ).fetchall()
        return SubmitReport(
            verdicts=dict(self._verdicts),
            accepted_amounts={str(currency): f"{amount:.2f}" for currency, amount in amounts},
            groups=self._groups,
            recovered=self._recovered,
            waits=waits(con),
            stop=self.watch.stop,
        )


def read_due(con: duckdb.DuckDBPyConnection, settings: OutboxSettings, now: datetime) -> None:
    """Fill the temporary table `due`: of each ready request whether it may go, or what it waits for."""
    con.execute(
        sql_file(__file__, "due.sql"),
        {
            "event_types": settings.event_types_json(),
            "now": now,
            "parent_gap": settings.parent_gap,
            "parent_wait": settings.parent_wait,
        },
    )


def doubt_stranded(
    con: duckdb.DuckDBPyConnection, settings: OutboxSettings, *, run_id: str, token: int, now: datetime
) -> int:
    """Put in doubt what was intended under earlier leases of the lane and never got its answer; how many."""
    list_moves(con)
    con.execute(sql_file(__file__, "stranded.sql"), {"token": token, "look_at": now + settings.settle_after})
    return carry_out(con, run_id=run_id, now=now, lane=LANE, token=token, is_takeover=True)


def waits(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """How many ready requests wait for what, after read_due; `due` counts those that may go."""
    rows = con.execute("select coalesce(wait, 'due'), count(*) from due group by all order by all").fetchall()
    return {str(code): int(count) for code, count in rows}


def _consequence(judgement: Judgement, attempt_count: int) -> tuple[State, Wait | None, timedelta | None]:
    """The state a verdict leads to, and for ready what it waits for and how long."""
    match judgement.verdict:
        case Verdict.ACCEPTED:
            return State.ACCEPTED, None, None
        case Verdict.REFUSED:
            return State.REFUSED, None, None
        case Verdict.IN_DOUBT:
            return State.IN_DOUBT, None, None
        case Verdict.LATER:
            return State.READY, Wait.RATE_LIMITED, timedelta(seconds=judgement.wait_seconds or 0)
        case Verdict.NOT_SENT:
            return State.READY, Wait.BACKING_OFF, back_off(attempt_count + 1)
        case Verdict.STOP_LANE:
            return State.READY, None, None


def newest_move(con: duckdb.DuckDBPyConnection, now: datetime) -> tuple[int, datetime]:
    """Its number and its time; of a file without any: 0 and now."""
    row = con.execute(
        "select transition_id, moved_at from audit.transition order by transition_id desc limit 1"
    ).fetchone()
    return (0, now) if row is None else (int(row[0]), row[1])


def holder(con: duckdb.DuckDBPyConnection) -> str:
    held = con.execute("select run_id, expires_at from outbox.lease where lane = $lane", {"lane": LANE}).fetchone()
    who, until = held if held else (None, None)
    return f"run {who} is sending; its lease ends at {until:%Y-%m-%d %H:%M:%SZ} unless it renews it."
