"""
What the next submission would send, correct and hold, found by doing all of it but the sending.

The same decisions and the same bodies as a run's, in a transaction that the caller undoes. Nothing is read from
Salesforce: it goes by what was captured last.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from impact_pipeline.config.load import Config
from impact_pipeline.conversions.accept import Withheld, withheld
from impact_pipeline.conversions.eligible import eligible
from impact_pipeline.outbox.lane import read_due
from impact_pipeline.outbox.queue import decide_and_enqueue
from impact_pipeline.outbox.settings import settings_of
from impact_pipeline.warehouse.cycles import binding
from impact_pipeline.warehouse.sql import sql_file

RUN_ID = "plan"
Rows = list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """
    Each part as rows by column name.

    Args:
        next: counts and money of what would be told and of what is held.
        answers: decisions that no cycle has made yet, such as after a change of the configuration.
        withheld: what waits for an acceptance, with its hash.
        eligible: what meets a condition and was never reported.
        payloads: the exact bodies, in the order of sending.
    """

    next: Rows
    answers: Rows
    withheld: tuple[Withheld, ...]
    eligible: Rows
    payloads: Rows


def rehearse(con: duckdb.DuckDBPyConnection, config: Config, *, now: datetime) -> int:
    """
    Decide and queue as the next cycle would, and fill table due; the newest decision that was there before.

    In a copy of the warehouse: parts are committed.

    Raises:
        NothingCaptured: there was no cycle yet.
        UnknownPath: the configuration names a field that was not captured.
    """
    row = con.execute("select coalesce(max(decision_id), 0) from conversions.decision").fetchone()
    decide_and_enqueue(con, config, run_id=RUN_ID, now=now, is_lasting=True)
    read_due(con, settings_of(config, binding(con).campaign_id), now)
    return int(row[0]) if row else 0


def plan(
    con: duckdb.DuckDBPyConnection,
    config: Config,
    *,
    now: datetime,
    object_name: str | None = None,
    event: str | None = None,
    limit: int = 20,
) -> Plan:
    """
    The plan, made in a copy of the warehouse: parts are committed.

    Args:
        object_name, event: only of these; None: all.
        limit: how many payloads.

    Raises:
        NothingCaptured, UnknownPath: as in `rehearse`.
    """
    after = rehearse(con, config, now=now)
    bound = binding(con)
    only = {"object": object_name, "event": event}
    held = withheld(con, config, object_name=object_name, event=event)
    shown = {
        "next": _rows(con, "plan_next.sql", **only),
        "answers": _rows(con, "plan_answers.sql", after=after, **only),
        "payloads": _rows(con, "plan_payloads.sql", limit=limit, **only),
    }
    could = eligible(con, config, now=now, campaign_id=bound.campaign_id, organization_id=bound.organization_id)
    mine = [row for row in could if object_name in (None, row["object"]) and event in (None, row["event"])]
    return Plan(withheld=tuple(held), eligible=mine, **shown)


def _rows(con: duckdb.DuckDBPyConnection, name: str, **values: object) -> Rows:
    cursor = con.execute(sql_file(__file__, name), values)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
