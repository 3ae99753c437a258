"""
Sends one group over the pool of connections and watches how it goes; knows no table.

A row is sent at most once, and not at all after the lane has been stopped or the lease may be over.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from impact_pipeline.outbox.impact.client import CONVERSIONS
from impact_pipeline.outbox.impact.rate import Rate
from impact_pipeline.outbox.impact.transport import Answer
from impact_pipeline.outbox.states import RequestType
from impact_pipeline.outbox.verdicts import Judgement, Verdict, judge, why_turned_away


class Writer(Protocol):
    """What sending needs of the client."""

    def write(self, method: str, resource: str, body: str) -> Answer: ...


# How each type of request is told.
ENDPOINTS = {
    RequestType.CONVERSION: ("POST", CONVERSIONS),
    RequestType.MODIFICATION: ("PUT", "Actions"),
    RequestType.APPROVAL: ("PUT", "Actions"),
    RequestType.REVERSAL: ("DELETE", "Actions"),
}
TURNED_AWAY = "turned_away"
_ANSWER_BYTES = 4000


@dataclass(frozen=True, kw_only=True)
class Row:
    """A request whose intent is committed."""

    request_id: int
    type: RequestType
    payload: str
    payload_sha256: str
    attempt_count: int


@dataclass(frozen=True, kw_only=True)
class Sent:
    """
    What became of a row.

    Args:
        judgement: None where it was not sent, because the lane was stopped before its turn.
        answer: the beginning of the answer's text, unmasked.
    """

    row: Row
    started_at: datetime
    duration_seconds: float = 0.0
    status: int | None = None
    answer: str = ""
    judgement: Judgement | None = None


@dataclass(frozen=True, kw_only=True)
class Stop:
    """
    Why a lane ended before its queue did.

    Args:
        code: `rate_limited`, `breaker_open`, `turned_away`, `refused_alike`, `lease_ending`, `interrupted`.
        needs_person: True where waiting will not mend it.
        reason: of the verdict, where one answer stopped it.
    """

    code: str
    why: str
    needs_person: bool = False
    reason: str = ""


class Watch:
    """
    Sees every answer of a run in the order in which it comes, and stops the lane when that is due.

    Args:
        breaker_after, refused_alike: how many in a row.
        reading_share: share of the hourly budget that is left for reading, once an answer tells the budget.
    """

    def __init__(self, *, breaker_after: int, refused_alike: int, reading_share: float) -> None:
        self._lock = threading.Lock()
        self._breaker_after, self._refused_alike, self._reading_share = breaker_after, refused_alike, reading_share
        self._lost = 0
        self._refusals: tuple[str, int] = ("", 0)
        self.stop: Stop | None = None
        self.rate = Rate()

    def stop_with(self, stop: Stop) -> None:
        with self._lock:
            self.stop = self.stop or stop

    def see(self, judgement: Judgement) -> None:
        with self._lock:
            # Answers of one moment come in any order: the smallest budget is the newest one.
            told, known = judgement.rate.remaining, self.rate.remaining
            if told is not None and (known is None or told < known):
                self.rate = judgement.rate
            verdict = judgement.verdict
            self._lost = self._lost + 1 if verdict in (Verdict.IN_DOUBT, Verdict.NOT_SENT) else 0
            if verdict == Verdict.REFUSED:
                alike = self._refusals[1] + 1 if self._refusals[0] == judgement.reason else 1
                self._refusals = (judgement.reason, alike)
            elif verdict == Verdict.ACCEPTED:
                self._refusals = ("", 0)
            self.stop = self.stop or self._due(judgement)

    def room(self) -> int | None:
        """How many more requests writing may make in this hour; None: nothing is known of a limit."""
        with self._lock:
            if self.rate.remaining is None:
                return None
            return max(0, self.rate.remaining - int((self.rate.limit or 0) * self._reading_share))

    def _due(self, judgement: Judgement) -> Stop | None:
        verdict, reason = judgement.verdict, judgement.reason
        if verdict == Verdict.STOP_LANE:
            return Stop(code=TURNED_AWAY, why=why_turned_away(reason), needs_person=True, reason=reason)
        if verdict == Verdict.LATER:
            return Stop(code="rate_limited", why=f"impact.com asks to wait {judgement.wait_seconds or 0:.0f} s")
        if self._lost >= self._breaker_after:
            why = f"{self._lost} requests in a row had no answer ({reason}); check that impact.com can be reached"
            return Stop(code="breaker_open", why=why)
        if self._refusals[1] >= self._refused_alike:
            why = f"impact.com refused {self._refusals[1]} requests alike ({reason}); check the mapping and the program"
            return Stop(code="refused_alike", why=why, needs_person=True)
        return None


def rows_per_second(sent: Sequence[Sent]) -> float:
    """How fast the pool sent them, from the first byte to the last answer; 0 where it sent none."""
    spans = [
        (one.started_at, one.started_at + timedelta(seconds=one.duration_seconds))
        for one in sent
        if one.judgement is not None
    ]
    if not spans:
        return 0.0
    seconds = (max(end for _, end in spans) - min(start for start, _ in spans)).total_seconds()
    return len(spans) / max(seconds, 0.001)


def send_group(
    executor: Executor,
    client: Writer,
    rows: Sequence[Row],
    watch: Watch,
    *,
    clock: Callable[[], datetime],
    until: Callable[[], float],
) -> "list[Future[Sent]]":
    """
    Start to send the rows, in their order.

    Args:
        until: gives the moment of time.monotonic() after which no row is begun, because the lease could end under it.
    """

    def send(row: Row) -> Sent:
        started_at = clock()
        if watch.stop is None and time.monotonic() >= until():
            watch.stop_with(Stop(code="lease_ending", why="the lease would have ended while requests were under way"))
        if watch.stop is not None:
            return Sent(row=row, started_at=started_at)
        began = time.monotonic()
        method, resource = ENDPOINTS[row.type]
        answer = client.write(method, resource, row.payload)
        duration = time.monotonic() - began
        judgement = judge(answer, clock())
        watch.see(judgement)
        return Sent(
            row=row,
            started_at=started_at,
            duration_seconds=duration,
            status=answer.status,
            answer=answer.body[:_ANSWER_BYTES].decode("utf-8", "replace") or answer.problem,
            judgement=judgement,
        )

    return [executor.submit(send, row) for row in rows]
