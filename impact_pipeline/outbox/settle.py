"""
What was read, drawn together: which requests have their end, which were found, which did not arrive and go again.

All conclusions are set-based and lie in few statements: sightings.sql says what is known of each open request,
conclusions.sql and correction_conclusions.sql say what follows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import duckdb

from impact_pipeline.outbox.impact.reasons import reason_classes_json
from impact_pipeline.outbox.moves import carry_out, list_moves
from impact_pipeline.outbox.settings import OutboxSettings
from impact_pipeline.warehouse.sql import sql_file


@dataclass(frozen=True, kw_only=True)
class Findings:
    """
    What a run has read, beside the observations in audit.*.

    Args:
        actions, submissions: when a complete pass over that list began; None: there was none.
        gone: requests whose queue record does not exist any more.
        looked_at: requests whose queue record was due and has been looked for.
        reading_is_forbidden: the token may not read one of the lists, so that no pass will ever be complete.
    """

    actions: datetime | None = None
    submissions: datetime | None = None
    gone: Sequence[int] = field(default_factory=tuple)
    looked_at: Sequence[int] = field(default_factory=tuple)
    reading_is_forbidden: bool = False


def settle(
    con: duckdb.DuckDBPyConnection, settings: OutboxSettings, findings: Findings, *, run_id: str, now: datetime
) -> dict[str, int]:
    """
    Move each request whose end is known, in the caller's transaction.

    Returns:
        How many moves led where: an outcome, `accepted` (found), `ready` (goes again) or `needs_person`.
    """
    con.execute(sql_file(__file__, "open_requests.sql"))
    con.execute(
        sql_file(__file__, "sightings.sql"),
        {
            "event_types": settings.event_types_json(),
            "reason_classes": reason_classes_json(),
            "gone": list(findings.gone),
        },
    )
    list_moves(con)
    passes = {"actions_at": findings.actions, "submissions_at": findings.submissions, "now": now}
    waits = {
        "settle_after": settings.settle_after,
        "action_wait": settings.action_wait,
        "give_up_after": settings.give_up_after,
    }
    con.execute(
        sql_file(__file__, "conclusions.sql"), {**passes, **waits, "is_forbidden": findings.reading_is_forbidden}
    )
    con.execute(
        sql_file(__file__, "correction_conclusions.sql"),
        {**passes, "settle_after": settings.settle_after, "give_up_after": settings.give_up_after},
    )
    counts = con.execute(
        "select case when needs_person then 'needs_person' else coalesce(outcome, to_state) end, count(*) "
        "from move group by all order by all"
    ).fetchall()
    carry_out(con, run_id=run_id, now=now)
    con.execute(sql_file(__file__, "next_looks.sql"), {"looked_at": list(findings.looked_at), "now": now})
    return {str(what): int(count) for what, count in counts}
