"""
One capture cycle: every object up to one shared bound, each window committed with its cursor.

A cycle that breaks off leaves whole windows behind; the next one goes on from their cursors.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import duckdb
import tenacity

from impact_pipeline.capture import tables
from impact_pipeline.capture.extraction import (
    LANE,
    LEASE_SECONDS,
    CaptureBusy,
    CaptureOptions,
    Extraction,
    Run,
)
from impact_pipeline.capture.fields import Description, description
from impact_pipeline.capture.objects import ObjectPlan, plan_objects
from impact_pipeline.capture.progress import CapturedObject, Progress, begin_first_load, progress
from impact_pipeline.capture.reading import Reader
from impact_pipeline.capture.salesforce.client import SalesforceClient
from impact_pipeline.capture.salesforce.errors import UnknownObject
from impact_pipeline.capture.soql import datetime_literal
from impact_pipeline.capture.staging import staging_folder
from impact_pipeline.capture.windows import upper_bound
from impact_pipeline.config.errors import ConfigError, Problem
from impact_pipeline.config.load import Config
from impact_pipeline.warehouse import lease
from impact_pipeline.warehouse.binding import bind
from impact_pipeline.warehouse.connection import Warehouse


@dataclass(frozen=True, kw_only=True)
class CycleReport:
    """
    What a cycle did.

    Args:
        captured: the rows of audit.extraction that it wrote, in order.
        absent: objects that nobody needs and the org doesn't show (field history that isn't switched on).
        deletions_unknown: objects whose deletions before a time the log no longer tells.
    """

    cycle_id: str
    until: datetime
    captured: tuple[CapturedObject, ...]
    absent: tuple[str, ...]
    deletions_unknown: Mapping[str, datetime]

    def of(self, object_name: str) -> list[CapturedObject]:
        """The windows of one object."""
        return [captured for captured in self.captured if captured.object == object_name]


def capture_cycle(
    warehouse: Warehouse,
    client: SalesforceClient,
    config: Config,
    *,
    reread: Iterable[str] = (),
    run_id: str,
    staging: Path,
    clock: Callable[[], datetime],
    account_sid: str,
    campaign_id: str,
    on_captured: Callable[[CapturedObject], None] = lambda captured: None,
) -> CycleReport:
    """Capture what a configuration needs; see `capture_objects`."""
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
        reread=reread,
        compared={
            name: config.watched_fields(name)
            for name, about in config.objects.items()
            if about.declared.full_reread is None
        },
        dispensable=config.optional_paths(),
        run_id=run_id,
        staging=staging,
        clock=clock,
        account_sid=account_sid,
        campaign_id=campaign_id,
        options=CaptureOptions(lag=config.pipeline.capture.lag, overlap=config.pipeline.capture.overlap),
        on_captured=on_captured,
    )


def capture_objects(
    warehouse: Warehouse,
    client: SalesforceClient,
    wanted: Mapping[str, Iterable[str]],
    *,
    optional: Iterable[str] = (),
    filters: Mapping[str, str] | None = None,
    reread: Iterable[str] = (),
    compared: Mapping[str, frozenset[str]] | None = None,
    dispensable: Mapping[str, Collection[str]] | None = None,
    run_id: str,
    staging: Path,
    clock: Callable[[], datetime],
    account_sid: str,
    campaign_id: str,
    options: CaptureOptions | None = None,
    on_captured: Callable[[CapturedObject], None] = lambda captured: None,
) -> CycleReport:
    """
    Read what is new of every object, and in full the objects that have got a new field.

    Args:
        wanted: object → names of fields and paths through references.
        optional: objects that may be absent from the org.
        filters: object → SOQL condition that its records have to meet, over fields that never change.
        reread: objects to read in full besides, because formula fields move no stamp.
        compared: object → fields whose changes count and that no full reading brings; formulas can't be among them.
        dispensable: object → paths that the org may do without; they are not reported as missing.
        staging: folder for the files on their way; what is in it is private and removed.
        clock: our own time, UTC, for what is recorded. Windows follow Salesforce's.
        account_sid: impact.com's side of the binding, with `campaign_id`.
        on_captured: told of each window once it is committed.

    Raises:
        CaptureBusy: another run is capturing.
        ConfigError: a formula field is compared; nothing was read.
        SalesforceError: what was committed before stays, and the next cycle goes on there.
    """
    options, due = options or CaptureOptions(), frozenset(reread)
    with _lane(warehouse, run_id, clock, options.wait_seconds) as token, staging_folder(staging) as folder:
        run = Run(
            warehouse=warehouse,
            run_id=run_id,
            token=token,
            reader=Reader(
                client=client,
                folder=folder,
                notes=staging,
                rows_per_piece=options.rows_per_piece,
                bulk_from_rows=options.bulk_from_rows,
                poll_seconds=options.poll_seconds,
            ),
            clock=clock,
            options=options,
            on_captured=on_captured,
        )
        started_at, calls = clock(), client.api_calls
        client.check_version()
        organization = client.organization()
        until = upper_bound(client.server_now, options.lag)
        descriptions, absent = _describe(client, wanted, frozenset(optional))
        plans = plan_objects({name: wanted[name] for name in wanted if name not in absent}, descriptions)
        _refuse_formulas(plans, compared or {})
        plans = {name: _without(plan, (dispensable or {}).get(name, ())) for name, plan in plans.items()}
        extraction = Extraction(
            run=run,
            cycle_id=datetime_literal(until),
            until=until,
            field_sets={},
            filters=filters or {},
            started_at=started_at,
            calls_recorded=calls,
        )
        with run.transaction() as con:
            bind(con, organization.id, organization.is_sandbox, account_sid, campaign_id, clock())
            reached, added = _prepare(con, extraction, plans)
        for name, plan in plans.items():
            extraction.read_new(plan, reached[name])
        # What is new comes first: a full reading may spend the rest of the day's requests.
        for name, plan in plans.items():
            if name in added or name in due:
                extraction.read_in_full(plan, added.get(name, ()))
    return CycleReport(
        cycle_id=extraction.cycle_id,
        until=until,
        captured=tuple(extraction.captured),
        absent=absent,
        deletions_unknown=extraction.deletions_unknown,
    )


def _refuse_formulas(plans: Mapping[str, ObjectPlan], compared: Mapping[str, frozenset[str]]) -> None:
    problems = [
        Problem(
            file=f"objects/{name.lower()}.yaml",
            key="full_reread",
            value=field.name,
            problem="the field is a formula: its changes never move SystemModstamp, so no increment would bring them.",
            remedy='Add full_reread: "0 3 * * *" to the file, or watch the fields that the formula is made of.',
        )
        for name, fields in compared.items()
        if name in plans
        for field in plans[name].fields
        if field.is_calculated and field.name in fields
    ]
    if problems:
        raise ConfigError(problems)


def _without(plan: ObjectPlan, dispensable: Collection[str]) -> ObjectPlan:
    return replace(plan, missing=tuple(path for path in plan.missing if path not in dispensable))


def _describe(
    client: SalesforceClient, wanted: Iterable[str], optional: frozenset[str]
) -> tuple[Callable[[str], Description], tuple[str, ...]]:
    """A function that describes each object once, and the optional objects that the org doesn't show."""
    known: dict[str, Description] = {}
    absent = []

    def describe(object_name: str) -> Description:
        if object_name not in known:
            known[object_name] = description(client.describe(object_name))
        return known[object_name]

    for name in wanted:
        try:
            describe(name)
        except UnknownObject:
            if name not in optional:
                raise
            absent.append(name)
    return describe, tuple(absent)


def _prepare(
    con: duckdb.DuckDBPyConnection, extraction: Extraction, plans: Mapping[str, ObjectPlan]
) -> tuple[dict[str, Progress], dict[str, tuple[str, ...]]]:
    """Make the tables fit; how far each object has been read, and the fields that it has to be read in full for."""
    reached = progress(con)
    added = {}
    for name, plan in plans.items():
        extraction.field_sets[name] = tables.prepare(con, plan, now=extraction.until)
        if name not in reached:
            reached[name] = begin_first_load(
                con,
                name,
                plan.field_names,
                cycle_id=extraction.cycle_id,
                until=extraction.until,
                run_id=extraction.run.run_id,
                now=extraction.run.clock(),
            )
        captured = set(plan.field_names)
        new = captured - reached[name].fields_covered | captured & tables.returned_fields(con, name)
        if new:
            added[name] = tuple(sorted(new))
    return reached, added


@contextmanager
def _lane(warehouse: Warehouse, run_id: str, clock: Callable[[], datetime], wait_seconds: float) -> Iterator[int]:
    def acquire() -> int:
        with warehouse.transaction() as con:
            token = lease.acquire(con, LANE, run_id, clock(), LEASE_SECONDS)
        if token is None:
            raise CaptureBusy(
                f"Another run captured all the {wait_seconds:.0f} s that this one waited. Let it end, or stop it."
            )
        return token

    token = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(CaptureBusy),
        wait=tenacity.wait_random_exponential(multiplier=0.2, max=5),
        stop=tenacity.stop_after_delay(wait_seconds),
        reraise=True,
    )(acquire)
    try:
        yield token
    finally:
        with warehouse.transaction() as con:
            lease.release(con, LANE, run_id, token)
