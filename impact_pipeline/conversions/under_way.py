"""
Whether changes are being answered: that may take several transactions, and counts only as a whole.

Nothing may follow from a part of a cycle's decisions, because the guards weigh all of them. A process that is killed
between two transactions leaves what it had answered; the next call goes on from there, and the guards weigh both.
"""

from dataclasses import dataclass
from datetime import datetime

import duckdb


class CutOffError(Exception):
    """The cycle that decided last was cut off, and nothing may follow from its decisions yet."""


@dataclass(frozen=True, kw_only=True)
class Begun:
    """
    How things stood before.

    Args:
        decision_id: the newest decision before all of it; began_at: UTC.
        cut_off_at: the newest decision of the call that was cut off; where there was none, as decision_id.
    """

    decision_id: int
    cut_off_at: int
    began_at: datetime


def begin(con: duckdb.DuckDBPyConnection, *, now: datetime) -> Begun:
    """Begin to answer, or go on where a call was cut off."""
    ((newest,),) = con.execute("select coalesce(max(decision_id), 0) from conversions.decision").fetchall()
    cut_off = con.execute("select decision_id, began_at from conversions.under_way").fetchone()
    decision_id, began_at = cut_off or (newest, now)
    # Clocks may be set back.
    return Begun(decision_id=decision_id, cut_off_at=newest, began_at=min(began_at, now))


def keep(con: duckdb.DuckDBPyConnection, begun: Begun) -> None:
    """Tell that what is about to be committed is a part."""
    con.execute(
        "insert into conversions.under_way select $decision_id, $began_at "
        "where not exists (from conversions.under_way)",
        {"decision_id": begun.decision_id, "began_at": begun.began_at},
    )


def end(con: duckdb.DuckDBPyConnection) -> None:
    """All has been answered and weighed."""
    con.execute("delete from conversions.wanted_before")
    con.execute("delete from conversions.under_way")


def is_under_way(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether a call was cut off before all had been answered and weighed."""
    return bool(con.execute("select 1 from conversions.under_way").fetchone())


def must_be_whole(con: duckdb.DuckDBPyConnection) -> None:
    """
    Nothing may be queued before.

    Raises:
        CutOffError: a call was cut off.
    """
    if is_under_way(con):
        raise CutOffError(
            "The last cycle was cut off while it decided, and the guards have not weighed its decisions yet, so "
            "nothing is queued. The next cycle goes on from there: impact-pipeline run, or the job conversion_cycle."
        )
