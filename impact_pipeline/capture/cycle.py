"""
One capture cycle: every object up to one shared bound, each window committed with its cursor.

A cycle that breaks off leaves whole windows behind; the next one goes on from their cursors.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

import duckdb

from impact_pipeline.capture.committing import Writer
from impact_pipeline.capture.deletions import deletion_log
from impact_pipeline.capture.describing import describe_all, hidden_told
from impact_pipeline.capture.extraction import Extraction
from impact_pipeline.capture.lines import lines_of
from impact_pipeline.capture.merges import references_to_merged
from impact_pipeline.capture.misfits import refuse_misfits
from impact_pipeline.capture.objects import ObjectPlan, plan_objects
from impact_pipeline.capture.preparation import Preparation, cycle_name
from impact_pipeline.capture.progress import (
    CapturedObject,
    Progress,
    committed_results,
    first_progress,
    progress,
)
from impact_pipeline.capture.reading import Reader
from impact_pipeline.capture.refusals import refuse_formulas, refuse_skipped
from impact_pipeline.capture.run import CaptureOptions, Run, lane
from impact_pipeline.capture.salesforce.answers import Deleted
from impact_pipeline.capture.salesforce.bulk import Fetched, forget_jobs
from impact_pipeline.capture.salesforce.client import SalesforceClient
from impact_pipeline.capture.salesforce.errors import QuotaReached
from impact_pipeline.capture.soql import datetime_literal
from impact_pipeline.capture.staging import staging_folder
from impact_pipeline.capture.windows import upper_bound
from impact_pipeline.config.load import Config
from impact_pipeline.warehouse.binding import bind, refuse_other_kind
from impact_pipeline.warehouse.connection import Warehouse

LANE = "capture"


@dataclass(frozen=True, kw_only=True)
class CycleReport:
    """
    What a cycle did.

    Args:
        captured: the rows of audit.extraction that it wrote, in order.
        absent: objects that nobody needs and the org doesn't show (field history that isn't switched on).
    """

    cycle_id: str
    until: datetime
    captured: tuple[CapturedObject, ...]
    absent: tuple[str, ...]

    def of(self, object_name: str) -> list[CapturedObject]:
        """The windows of one object."""
        return [captured for captured in self.captured if captured.object == object_name]


def capture_cycle(
    warehouse: Warehouse,
    client: SalesforceClient,
    config: Config,
    *,
    reread: Iterable[str] = (),
    sweep: Iterable[str] = (),
    run_id: str,
    staging: Path,
    clock: Callable[[], datetime],
    account_sid: str,
    campaign_id: str,
    on_captured: Callable[[CapturedObject], None] = lambda captured: None,
) -> CycleReport:
    """Capture what a configuration needs, unless it doesn't go with the org's types; see `capture_objects`."""
    return capture_objects(
        warehouse,
        client,
        config.capture_set(),
        optional=config.optional_objects(),
        filters={
            name: about.declared.capture_filter
            for name, about in config.objects.items()
            if about.declared.capture_filter is not None
        },
        lines=config.lines(),
        reread=reread,
        # A removed stage or status leaves no trace, and the lists are short.
        sweep={*sweep, *config.optional_objects()},
        compared=config.compared_by_stamp(),
        dispensable=config.optional_paths(),
        run_id=run_id,
        staging=staging,
        clock=clock,
        account_sid=account_sid,
        campaign_id=campaign_id,
        sandbox_org=config.pipeline.program.sandbox_org,
        options=CaptureOptions(lag=config.pipeline.capture.lag, overlap=config.pipeline.capture.overlap),
        on_planned=partial(refuse_misfits, config),
        on_captured=on_captured,
    )


def capture_objects(
    warehouse: Warehouse,
    client: SalesforceClient,
    wanted: Mapping[str, Iterable[str]],
    *,
    optional: Iterable[str] = (),
    filters: Mapping[str, str] | None = None,
    lines: Mapping[str, tuple[str, str]] | None = None,
    reread: Iterable[str] = (),
    sweep: Iterable[str] = (),
    compared: Mapping[str, frozenset[str]] | None = None,
    dispensable: Mapping[str, Collection[str]] | None = None,
    run_id: str,
    staging: Path,
    clock: Callable[[], datetime],
    account_sid: str,
    campaign_id: str,
    sandbox_org: str | None = None,
    options: CaptureOptions | None = None,
    on_planned: Callable[[Mapping[str, ObjectPlan]], None] = lambda plans: None,
    on_captured: Callable[[CapturedObject], None] = lambda captured: None,
) -> CycleReport:
    """
    Read what is new of every object, and in full the objects that have got a new field.

    Args:
        wanted: object → names of fields and paths through references.
        optional: objects that may be absent from the org.
        filters: object → SOQL condition that its records have to meet, over fields that never change.
        lines: object → (object of its lines, their field that refers to it); both are among the wanted.
        reread: objects to read in full besides, because formula fields move no stamp.
        sweep: objects whose Ids are compared with Salesforce's besides.
        compared: object → fields whose changes count and that no full reading brings; formulas can't be among them.
        dispensable: object → paths that the org may do without; they are not reported as missing.
        staging: folder for the files on their way; what is in it is private and removed.
        clock: our own time, UTC, for what is recorded. Windows follow Salesforce's.
        account_sid: impact.com's side of the binding, with `campaign_id`.
        sandbox_org: the one sandbox that may be captured; None: a production org.
        on_planned: told what will be read before anything is; what it raises ends the cycle.
        on_captured: told of each window once it is committed.

    Raises:
        CaptureBusy: another run is capturing.
        ConfigError: a formula field is compared; nothing was read.
        WrongBinding: the org is not the one of this warehouse, or a sandbox that nobody named; nothing was read.
        SalesforceError: what was committed before stays, and the next cycle goes on there.
    """
    options, due, swept = options or CaptureOptions(), frozenset(reread), frozenset(sweep)

    def look(con: duckdb.DuckDBPyConnection) -> tuple[dict[str, Progress], dict[str, Fetched]]:
        bind(con, organization.id, organization.is_sandbox, account_sid, campaign_id, clock())
        return progress(con), committed_results(con)

    with quota_told(lambda: _next_run(warehouse)):
        calls_before = client.api_calls
        client.check_version()
        organization = client.organization()
        refuse_other_kind(organization.id, organization.is_sandbox, sandbox_org)
        with (
            lane(warehouse, LANE, run_id, clock, options.wait_seconds, look) as held,
            staging_folder(staging, LANE) as folder,
        ):
            reached, fetched = held.found
            with hidden_told(warehouse, client, options.lag, clock):
                describe, absent = describe_all(client, wanted, frozenset(optional), readers=options.readers)
                plans = plan_objects({name: wanted[name] for name in wanted if name not in absent}, describe)
            refuse_formulas(plans, compared or {})
            plans = {name: _without(plan, (dispensable or {}).get(name, ())) for name, plan in plans.items()}
            refuse_skipped(plans)
            on_planned(plans)
            until = upper_bound(client.server_now, options.lag)
            begun = [name for name in plans if name not in reached]
            reached = {
                name: reached.get(name) or first_progress(plan.field_names, until=until) for name, plan in plans.items()
            }
            logs = _deletion_logs(client, plans, reached, until, options)
            open_since = min((log.latest_date_covered for log in logs.values() if log is not None), default=None)
            for name in begun:
                log = logs.get(name)
                reached[name] = replace(
                    reached[name],
                    latest_date_covered=None if log is None else log.latest_date_covered,
                    open_since=open_since,
                )
            prepared = Preparation(
                plans=plans, reached=reached, begun=begun, absent=absent, until=until, run_id=run_id, clock=clock
            )
            run = Run(
                warehouse=warehouse,
                run_id=run_id,
                lane=LANE,
                held=held,
                reader=reader_of(client, folder, staging, options, fetched),
                clock=clock,
                options=options,
                on_captured=on_captured,
            )
            writer = Writer(
                run=run,
                cycle_id=cycle_name(until),
                prepare=prepared.carry_out,
                reached=reached,
                pairs=lines_of(plans, lines or {}),
                references=references_to_merged(plans.values()),
                calls_before=client.api_calls - calls_before,
            )
            if begun:
                # Where a first load ends has to be known before anything of it is read.
                with run.transaction() as con:
                    writer.ready(con)
            extraction = Extraction(writer=writer, plans=plans, until=until, filters=filters or {})
            unlogged = {name for name, log in logs.items() if log is None}
            to_sweep = [plan for name, plan in plans.items() if name in swept | unlogged]

            def to_read_in_full() -> list[ObjectPlan]:
                """Known once something was committed."""
                return [plan for name, plan in plans.items() if name in prepared.added or name in due]

            extraction.read_new(logs, open_since, is_last=lambda: not (to_sweep or to_read_in_full()))
            extraction.read_lines()
            # What is new comes first: a full reading may spend the rest of the day's requests.
            for plan in to_read_in_full():
                extraction.read_in_full(plan, prepared.added.get(plan.name, ()))
            extraction.sweep(to_sweep, is_last=True)
            # A job that a killed run has left and this one didn't need.
            forget_jobs(client, staging.glob("bulk-*.json"))
    return CycleReport(cycle_id=writer.cycle_id, until=until, captured=tuple(writer.captured), absent=absent)


def reader_of(
    client: SalesforceClient, folder: Path, notes: Path, options: CaptureOptions, fetched: Mapping[str, Fetched]
) -> Reader:
    """A reader with a run's options; `notes` is where bulk jobs are remembered."""
    return Reader(
        client=client,
        folder=folder,
        notes=notes,
        fetched=fetched,
        rows_per_piece=options.rows_per_piece,
        bulk_from_rows=options.bulk_from_rows,
        rows_per_job=options.rows_per_job,
        poll_seconds=options.poll_seconds,
    )


def _deletion_logs(
    client: SalesforceClient,
    plans: Mapping[str, ObjectPlan],
    reached: Mapping[str, Progress],
    until: datetime,
    options: CaptureOptions,
) -> dict[str, Deleted | None]:
    """
    The log of deletions of each object that has one, from where the last question ended.

    Asked before anything is read: its latestDateCovered then tells since when transactions are open. For an object that
    is new, that may lie before the question.
    """
    asked = [name for name, plan in plans.items() if plan.description.tells_deletes]

    def ask(name: str) -> Deleted | None:
        known = reached[name].latest_date_covered
        log = deletion_log(client, plans[name], known or reached[name].first_until - options.overlap, until)
        if log is None or known is None:
            return log
        return replace(log, latest_date_covered=max(known, log.latest_date_covered))

    with ThreadPoolExecutor(max_workers=options.readers) as pool:
        return dict(zip(asked, pool.map(ask, asked), strict=True))


def _without(plan: ObjectPlan, dispensable: Collection[str]) -> ObjectPlan:
    return replace(plan, missing=tuple(path for path in plan.missing if path not in dispensable))


@contextmanager
def quota_told(goes_on: Callable[[], str]) -> Iterator[None]:
    """Let a run that the quota stops say where the next one goes on."""
    try:
        yield
    except QuotaReached as error:
        raise QuotaReached(f"{error} {goes_on()}", code=error.code) from error


def _next_run(warehouse: Warehouse) -> str:
    with warehouse.reading() as con:
        reached = progress(con)
    loading = sorted(name for name, so_far in reached.items() if so_far.is_first_load)
    if loading or not reached:
        return f"The next run goes on with the first load of {', '.join(loading) or 'all objects'}."
    behind = min(reached, key=lambda name: reached[name].cursor)
    return f"The next run goes on at {datetime_literal(reached[behind].cursor)} ({behind})."
