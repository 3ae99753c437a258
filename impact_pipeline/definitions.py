"""
What Dagster loads: the stages in flow order, their jobs, schedules and sensor; and how a job runs in this process.

Loading needs no account: what a run lacks is named when it starts.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from impact_pipeline.alerts.resource import AlertsResource
from impact_pipeline.alerts.sensors import alert_sensor_that_is
from impact_pipeline.capture.assets import capture_assets
from impact_pipeline.capture.checks import capture_checks, completeness_checks
from impact_pipeline.capture.salesforce.resource import SalesforceResource
from impact_pipeline.changes import checks as change_checks
from impact_pipeline.changes.assets import change_asset
from impact_pipeline.config import environment as env
from impact_pipeline.config.load import Config, load_config
from impact_pipeline.config.resource import ConfigResource
from impact_pipeline.conversions import checks as conversion_checks
from impact_pipeline.conversions.assets import decision_assets
from impact_pipeline.outbox import assets as outbox_assets
from impact_pipeline.outbox import checks as outbox_checks
from impact_pipeline.outbox import jobs as outbox_jobs
from impact_pipeline.outbox.impact.resource import ImpactResource
from impact_pipeline.outbox.sensors import outbox_sensor_that_is
from impact_pipeline.preflight.checks import ATTEMPTS as PREFLIGHT_ATTEMPTS
from impact_pipeline.preflight.checks import preflight_check
from impact_pipeline.preflight.site import Site
from impact_pipeline.reconciliation import assets as reconciliation_assets
from impact_pipeline.reconciliation import checks as reconciliation_checks
from impact_pipeline.reconciliation import jobs as reconciliation_jobs
from impact_pipeline.schedules import schedules
from impact_pipeline.warehouse import checks as warehouse_checks
from impact_pipeline.warehouse.assets import PUBLISHED, published_asset
from impact_pipeline.warehouse.resource import ClockResource, WarehouseResource

LOCATION = "impact_pipeline"
# Runs of these jobs take turns in the queue (dagster.yaml). What is right does not depend on it: the warehouse's own
# lock is waited for, and leases fence the lanes. No pools of single steps: one that was enqueued while the slot was
# being freed waited for ever.
_TAKES_TURNS = {"impact_pipeline/warehouse": "writer"}
# Four cycles left out are worth a look, and a working day is an outage.
_FRESH = dg.FreshnessPolicy.time_window(warn_window=timedelta(hours=1), fail_window=timedelta(hours=8))
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class RunFailed(Exception):
    """A run ended without success; the message is the failing step's own."""


def build_definitions(resources: Mapping[str, Any], config: Config, *, switched_on: bool = False) -> dg.Definitions:
    """
    The whole pipeline.

    Args:
        resources: by key: config, warehouse, clock, alerts, salesforce, impact.
        config: tells which objects there are to capture. Each run loads its own anew.
        switched_on: schedules and the sensor run without anybody switching them on in the UI.
    """
    status = dg.DefaultScheduleStatus.RUNNING if switched_on else dg.DefaultScheduleStatus.STOPPED
    sensor_status = dg.DefaultSensorStatus.RUNNING if switched_on else dg.DefaultSensorStatus.STOPPED
    queued = dg.AssetSelection.assets(outbox_assets.REQUEST)
    published = dg.AssetSelection.assets(PUBLISHED)
    completeness = completeness_checks(config)
    asks_salesforce = dg.AssetSelection.checks(completeness)
    asks_all = dg.AssetSelection.checks(preflight_check)
    looks = asks_all | dg.AssetSelection.checks(*warehouse_checks.checks)
    cycle = dg.define_asset_job(
        "conversion_cycle",
        selection=(dg.AssetSelection.groups("capture", "changes", "conversions") | queued | published)
        - asks_salesforce
        - asks_all,
        tags=_TAKES_TURNS,
        description="Salesforce → outbox: reads what is new, compares, decides, queues. Sends nothing.",
    )
    compared = dg.define_asset_job(
        "check_completeness",
        selection=asks_salesforce,
        description="Counts the records of each day in Salesforce and here, and compares a sample. Changes nothing.",
    )
    confirm = dg.define_asset_job(
        "confirm_and_reconcile",
        selection=(dg.AssetSelection.groups("outbox", "reconciliation") - queued) | published,
        tags=_TAKES_TURNS,
        description="impact.com → outbox and reconciliation: what became of what was sent, and whether all adds up.",
    )
    looked_at = dg.define_asset_job(
        "preflight",
        selection=looks,
        description="Org, rights, fields, program, event types, budgets, disk: a line each, with remedy. Reads only.",
    )
    jobs: list[Any] = [
        cycle,
        outbox_jobs.submit_conversions,
        confirm,
        compared,
        looked_at,
        reconciliation_jobs.apply_retention,
    ]
    return dg.Definitions(
        assets=_owned(
            config,
            capture_assets(config),
            change_asset(config),
            decision_assets(config),
            *outbox_assets.assets,
            *reconciliation_assets.assets,
            published_asset([outbox_assets.REQUEST, reconciliation_assets.STATUS]),
        ),
        asset_checks=[
            capture_checks(config),
            completeness,
            preflight_check,
            *change_checks.checks,
            *conversion_checks.checks,
            *outbox_checks.checks,
            *reconciliation_checks.checks,
            *warehouse_checks.checks,
        ],
        jobs=jobs,
        schedules=list(
            schedules(
                config,
                status,
                cycle=cycle,
                confirm=confirm,
                compared=compared,
                looked_at=looked_at,
                erases=reconciliation_jobs.apply_retention,
            )
        ),
        sensors=[
            outbox_sensor_that_is(sensor_status),
            alert_sensor_that_is(sensor_status, jobs=[job.name for job in jobs]),
        ],
        resources=dict(resources),
        executor=dg.in_process_executor,
    )


def _owned(config: Config, *assets: dg.AssetsDefinition) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """The assets with who is asked about them, and with how old they may be before the UI says so."""

    def with_owners(spec: dg.AssetSpec) -> dg.AssetSpec:
        owners = getattr(config.pipeline.owners, str(spec.group_name))
        return spec.replace_attributes(owners=list(owners), freshness_policy=_FRESH)

    return list(dg.map_asset_specs(with_owners, assets))


def resources_from(
    environment: Mapping[str, str], *, wait_seconds: float = 60.0, clock: Callable[[], datetime] | None = None
) -> dict[str, Any]:
    """
    The resources as the environment names them; secrets stay names until a run starts.

    Args:
        wait_seconds: how long another process's hold on the warehouse is waited for.
        clock: tells virtual time; None: the machine's.
    """

    def optional(name: str) -> Any:
        return dg.EnvVar(name) if environment.get(name) else ""

    return {
        "config": ConfigResource(
            folder=str(env.config_folder(environment)),
            account_sid=dg.EnvVar(env.ACCOUNT_SID),
            campaign_id=dg.EnvVar(env.CAMPAIGN_ID),
        ),
        "warehouse": WarehouseResource(
            path=str(env.warehouse_path(environment)),
            wait_seconds=wait_seconds,
            memory_limit=env.value_of(environment, env.MEMORY_LIMIT),
        ),
        "clock": ClockResource() if clock is None else _telling(clock),
        "alerts": AlertsResource(to=optional(env.ALERTS)),
        "salesforce": SalesforceResource(
            domain_url=dg.EnvVar(env.DOMAIN_URL),
            client_id=dg.EnvVar(env.CLIENT_ID),
            client_secret=optional(env.CLIENT_SECRET),
            username=optional(env.USERNAME),
            private_key_file=optional(env.PRIVATE_KEY_FILE),
            api_version=env.value_of(environment, env.API_VERSION),
        ),
        "impact": ImpactResource(
            base_url=env.value_of(environment, env.BASE_URL),
            body_format=env.value_of(environment, env.BODY_FORMAT),
            account_sid=dg.EnvVar(env.ACCOUNT_SID),
            auth_token=dg.EnvVar(env.AUTH_TOKEN),
            read_auth_token=optional(env.READ_AUTH_TOKEN),
        ),
    }


def salesforce_of(environment: Mapping[str, str]) -> SalesforceResource:
    """The org of this environment, for use outside of Dagster."""
    return SalesforceResource(
        domain_url=env.value_of(environment, env.DOMAIN_URL),
        client_id=env.value_of(environment, env.CLIENT_ID),
        client_secret=env.value_of(environment, env.CLIENT_SECRET),
        username=env.value_of(environment, env.USERNAME),
        private_key_file=env.value_of(environment, env.PRIVATE_KEY_FILE),
        api_version=env.value_of(environment, env.API_VERSION),
    )


def impact_of(environment: Mapping[str, str]) -> ImpactResource:
    """The brand account of this environment, for use outside of Dagster."""
    return ImpactResource(
        base_url=env.value_of(environment, env.BASE_URL),
        body_format=env.value_of(environment, env.BODY_FORMAT),
        account_sid=env.value_of(environment, env.ACCOUNT_SID),
        auth_token=env.value_of(environment, env.AUTH_TOKEN),
        read_auth_token=env.value_of(environment, env.READ_AUTH_TOKEN),
    )


def site_of(environment: Mapping[str, str]) -> Site:
    """What preflight looks at in this environment, for use outside of Dagster."""
    impact = impact_of(environment)
    return Site(
        environment=environment,
        config_folder=env.config_folder(environment),
        warehouse_path=env.warehouse_path(environment),
        account_sid=env.value_of(environment, env.ACCOUNT_SID),
        campaign_id=env.value_of(environment, env.CAMPAIGN_ID),
        salesforce=lambda: salesforce_of(environment).client(1.0, attempts=PREFLIGHT_ATTEMPTS),
        reader=impact.client,
        writer=lambda: impact.client(reads_with="auth_token"),
        has_reader=bool(impact.read_auth_token),
        clock=lambda: datetime.now(UTC),
    )


def definitions_from(
    environment: Mapping[str, str], *, wait_seconds: float = 60.0, clock: Callable[[], datetime] | None = None
) -> dg.Definitions:
    """The pipeline of this environment."""
    return build_definitions(
        resources_from(environment, wait_seconds=wait_seconds, clock=clock),
        load_config(env.config_folder(environment)),
        switched_on=env.value_of(environment, env.SCHEDULES) == "on",
    )


@contextmanager
def instance_at(home: Path | None) -> Iterator[dg.DagsterInstance]:
    """Where runs are recorded: the instance in that DAGSTER_HOME, or one that is forgotten at the end."""
    with dg.DagsterInstance.ephemeral() if home is None else dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


def run_job(definitions: dg.Definitions, name: str, instance: dg.DagsterInstance) -> str:
    """
    Run one job to its end in this process, without its log on the terminal; its run id.

    Raises:
        RunFailed: from what made the step fail.
    """
    try:
        result = definitions.resolve_job_def(name).execute_in_process(
            instance=instance,
            run_config=_QUIET,
            # By this tag the UI finds the runs of a job.
            tags={".dagster/repository": f"__repository__@{LOCATION}"},
        )
    except dg.Failure as failure:
        raise RunFailed(failure.description or f"{name} failed.") from failure
    return result.run_id


def _telling(clock: Callable[[], datetime]) -> ClockResource:
    """A ClockResource that tells another clock's time; a class of its own, since Dagster makes copies of resources."""

    class GivenClock(ClockResource):
        def now(self) -> datetime:
            return clock()

    return GivenClock()


@dg.definitions
def defs() -> dg.Definitions:
    """The code location of workspace.yaml, made when Dagster asks: importing this module reads no configuration."""
    return definitions_from(os.environ)
