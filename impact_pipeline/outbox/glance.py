"""A short look at the outbox: is there something to send, and if not, why not, in words."""

from dataclasses import dataclass
from datetime import datetime

import duckdb

from impact_pipeline.outbox.lane import read_due, waits
from impact_pipeline.outbox.pacing import LaneState, read_lane
from impact_pipeline.outbox.settings import OutboxSettings
from impact_pipeline.warehouse.sql import sql_file

WORDS = {
    "awaiting_parent": "for their parents",
    "parent_unsettled": "for a person, because their parents did not settle",
    "first_of_type": "for the first of their event type to settle",
    "rate_limited": "for impact.com's rate limit",
    "backing_off": "after a failed connection",
    "breaker_open": "for the breaker",
    "awaiting_action": "for the action that they correct",
    "coalescing": "for further changes of their conversion",
}


@dataclass(frozen=True, kw_only=True)
class Glance:
    """
    Args:
        due: requests that may go now.
        stranded: requests that a run which is over left without an answer.
        waiting: ready requests that may not go, by what they wait for.
        in_doubt: requests that only reading can settle.
        next_due_at: when the next of the waiting ones is due, as far as a time is known.
        holder: the run that holds the lane, while its lease lasts.
    """

    due: int
    stranded: int
    waiting: dict[str, int]
    in_doubt: int
    next_due_at: datetime | None
    holder: str | None
    lane: LaneState
    newest_transition: int

    def why_not(self) -> str | None:
        """Why no run is needed, as a sentence with numbers; None where one is."""
        if self.holder is not None:
            return f"{self.due} requests are due; run {self.holder[:8]} is sending."
        if self.stranded:
            return None
        if self.due and self.lane.open_at is not None:
            return f"{self.due} requests are due, but nothing is sent: {self.lane.why}."
        if self.due:
            return None
        parts = [f"{count} wait {WORDS.get(code, code)}" for code, count in sorted(self.waiting.items())]
        parts += [f"{self.in_doubt} are in doubt until reading settles them"] if self.in_doubt else []
        parts += [f"the next is due at {self.next_due_at:%Y-%m-%d %H:%M:%SZ}"] if self.next_due_at else []
        return f"0 requests are due; {', '.join(parts)}." if parts else "0 requests are due; the outbox is empty."


def glance(con: duckdb.DuckDBPyConnection, settings: OutboxSettings, now: datetime) -> Glance:
    """Look; writes nothing, a read-only connection will do."""
    read_due(con, settings, now)
    found = waits(con)
    row = con.execute(sql_file(__file__, "glance.sql"), {"now": now}).fetchone()
    if row is None:
        raise AssertionError("glance.sql gives one row")
    stranded, in_doubt, next_due_at, holder, newest = row
    return Glance(
        due=found.pop("due", 0),
        stranded=stranded,
        waiting=found,
        in_doubt=in_doubt,
        next_due_at=next_due_at,
        holder=holder,
        lane=read_lane(con, now, breaker_after=settings.breaker_after, refused_alike=settings.refused_alike),
        newest_transition=newest,
    )
