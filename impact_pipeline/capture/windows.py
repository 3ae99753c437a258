"""
Which stretch of time a capture reads. Pure.

Salesforce stamps a record inside a transaction and shows it at commit, so a row can appear behind a cursor that has
passed its stamp. Therefore windows end a little behind Salesforce's own clock and begin well before the cursor; the
load drops repetitions. What ends a window is when a record was created: what was edited since comes along as it is.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

LAG = timedelta(minutes=1)
# Ten minutes is the outer bound of a transaction for Apex and API work, hence of the skew between stamp and commit.
OVERLAP = timedelta(minutes=10)
# latestDateCovered can lag by days for other reasons; no transaction stays open for one.
LONGEST_TRANSACTION = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True)
class Window:
    """
    The half-open stretch [after, until) of a cursor field, in whole seconds, UTC.

    Args:
        after: lower bound, included; None reads from the beginning.
        until: upper bound, excluded.
    """

    after: datetime | None
    until: datetime

    def __post_init__(self) -> None:
        for moment in (self.after, self.until):
            if moment is not None and (moment.tzinfo is None or moment.microsecond):
                raise ValueError(f"{moment!r} is not an aware time in whole seconds.")
        if self.after is not None and self.after >= self.until:
            raise ValueError(f"the window [{self.after.isoformat()}, {self.until.isoformat()}) is empty.")


def upper_bound(server_now: datetime, lag: timedelta = LAG) -> datetime:
    """The end of every window of a cycle: Salesforce's clock less `lag`, in whole seconds, UTC."""
    return whole_second(server_now - lag)


def next_window(
    cursor: datetime,
    until: datetime,
    overlap: timedelta = OVERLAP,
    open_since: datetime | None = None,
    *,
    read_until: datetime | None = None,
) -> Window:
    """
    The window that follows `cursor`, reading back far enough for what Salesforce shows late.

    Args:
        open_since: what had begun before it was committed when the cursor was read, as getDeleted's latestDateCovered
            tells; a transaction that was open longer than the overlap shows its rows only now.
        read_until: the end of the window that came to the cursor; None: the cursor itself. One that was broken off
            leaves a cursor far behind the clock of its time, and what was stamped before that needs no overlap.

    Raises:
        ValueError: `until` lies so far before the cursor that nothing is left to read; some clock ran back.
    """
    after = min(whole_second(cursor), whole_second((read_until or cursor) - overlap))
    if open_since is not None:
        after = min(after, max(whole_second(open_since), whole_second(cursor - LONGEST_TRANSACTION)))
    if after >= until:
        raise ValueError(
            f"The next window would end at {until.isoformat()}, but {cursor.isoformat()} was already reached: "
            "Salesforce's clock ran back by more than the overlap. Check that the domain still names the same org."
        )
    return Window(after=after, until=until)


def whole_second(moment: datetime) -> datetime:
    """`moment` in UTC, cut to the second, which is what Salesforce compares."""
    return moment.astimezone(UTC).replace(microsecond=0)
