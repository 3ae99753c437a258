"""
Tries a configuration on invented records: what would leave for each of their events, or why nothing would.

They go the way of captured ones, in a DuckDB of their own in memory: loaded with the described types, compared,
decided, queued. So what a trial shows is what the same records would lead to, by the very same statements.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from impact_pipeline.capture import tables
from impact_pipeline.capture.fields import Description
from impact_pipeline.capture.load import LoadContext, load_rows
from impact_pipeline.capture.objects import ObjectPlan, plan_objects
from impact_pipeline.capture.progress import CapturedObject, record
from impact_pipeline.capture.staging import RowFile
from impact_pipeline.changes.compare import find_changes
from impact_pipeline.changes.watched import watched_objects
from impact_pipeline.config.load import Config
from impact_pipeline.conversions.decide import decide
from impact_pipeline.outbox.queue import enqueue
from impact_pipeline.outbox.settings import settings_of
from impact_pipeline.warehouse.migrations import migrate
from impact_pipeline.warehouse.sql import sql_file

CAMPAIGN_ID = "1"
_RUN_ID = "trial"
Rows = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """
    The decision about one change of an invented record for one event.

    Args:
        detail: the parameter and the rule where a hold is about one.
        cut: free texts that were cut.
        payload: the body that would leave; None where none would.
    """

    object: str
    Id: str
    event: str
    decision: str
    reason: str
    detail: str | None
    cut: tuple[str, ...]
    payload: str | None


def try_out(
    config: Config,
    describe: Callable[[str], Description],
    *,
    known: Rows,
    news: Rows,
    since: datetime,
    at: datetime,
    now: datetime,
) -> list[Outcome]:
    """
    What becomes of every change of every record, in order of time.

    The configuration is tried as if it were live and sending: switches, go-live and guards stand in no way.

    Args:
        describe: object → its fields; raises UnknownObject for none that the org has.
        known: object → the rows that the first load, at `since`, finds.
        news: object → the rows that the one cycle after it finds. All values are as Salesforce's API writes them; the
            system fields (Id, CreatedDate, LastModifiedDate, SystemModstamp) have to be there.
        at: when that cycle is; now: when decisions are made.
    """
    live = _live(config)
    with duckdb.connect(":memory:") as con, tempfile.TemporaryDirectory() as folder:
        con.execute("set TimeZone = 'UTC'")
        migrate(con)
        plans = plan_objects(live.capture_set(), describe)
        for is_first_load, rows, until in ((True, known, since), (False, news, at)):
            _capture(con, plans, rows, Path(folder), is_first_load=is_first_load, since=since, until=until)
        cycle_id = at.isoformat()
        find_changes(con, watched_objects(live), cycle_id=cycle_id, now=now)
        decide(
            con,
            live,
            cycle_id=cycle_id,
            run_id=_RUN_ID,
            now=now,
            campaign_id=CAMPAIGN_ID,
            organization_id="",
            is_guarded=False,
        )
        enqueue(con, settings_of(live, CAMPAIGN_ID), run_id=_RUN_ID, now=now)
        found = con.execute(sql_file(__file__, "trial_outcomes.sql")).fetchall()
    return [
        Outcome(**dict(zip(Outcome.__annotations__, (*row[:6], tuple(row[6] or ()), row[7]), strict=True)))
        for row in found
    ]


def _live(config: Config) -> Config:
    types = {code: about.model_copy(update={"sending": "on"}) for code, about in config.pipeline.event_types.items()}
    pipeline = config.pipeline.model_copy(update={"sending": "on", "go_live_at": None, "event_types": types})
    objects = {
        name: replace(
            about,
            events={
                key: replace(event, declared=event.declared.model_copy(update={"sending": "on"}))
                for key, event in about.events.items()
            },
        )
        for name, about in config.objects.items()
    }
    return replace(config, pipeline=pipeline, objects=objects)


def _capture(
    con: duckdb.DuckDBPyConnection,
    plans: Mapping[str, ObjectPlan],
    rows: Rows,
    folder: Path,
    *,
    is_first_load: bool,
    since: datetime,
    until: datetime,
) -> None:
    cycle_id = until.isoformat()
    for name, plan in plans.items():
        field_set = tables.prepare(con, plan, now=until)
        record(con, _window(name, cycle_id, None if is_first_load else since, until))
        staged = RowFile(folder, plan.field_names)
        staged.write({field: row.get(field) for field in plan.field_names} for row in rows.get(name, ()))
        context = LoadContext(captured_at=until, cycle_id=cycle_id, field_set_id=field_set, is_first_load=is_first_load)
        load_rows(con, plan, [staged.staged()], context)


def _window(name: str, cycle_id: str, since: datetime | None, until: datetime) -> CapturedObject:
    return CapturedObject(
        cycle_id=cycle_id,
        object=name,
        method="rest",
        purpose="window",
        window_after=None if since is None else since - timedelta(seconds=1),
        window_until=until,
        cursor=until,
        is_first_load=since is None,
        rows_read=0,
        versions_written=0,
        deletes_seen=0,
        latest_date_covered=None,
        api_calls=0,
        quota_used=None,
        quota_max=None,
        fields_missing=(),
        fields_added=(),
        run_id=_RUN_ID,
        started_at=until,
        finished_at=until,
    )
