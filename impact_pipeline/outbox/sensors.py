"""Starts the submit job when something is due. What it knows is in the tables and in the run records."""

import dagster as dg
from dagster import DagsterRunStatus as Status

from impact_pipeline.config.resource import ConfigResource
from impact_pipeline.outbox.glance import Glance, glance
from impact_pipeline.outbox.jobs import SUBMIT_JOB
from impact_pipeline.outbox.settings import settings_of
from impact_pipeline.warehouse.connection import WarehouseLocked, WarehouseMissing
from impact_pipeline.warehouse.resource import ClockResource, WarehouseResource

LOCK_SECONDS = 2.0
_FINISHED = [Status.SUCCESS, Status.FAILURE, Status.CANCELED]
_UNFINISHED = [Status.QUEUED, Status.NOT_STARTED, Status.STARTING, Status.STARTED, Status.CANCELING]


def outbox_sensor_that_is(status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """The sensor, switched on or off until somebody says otherwise in the UI."""
    return dg.sensor(
        name="outbox_sensor",
        job_name=SUBMIT_JOB,
        minimum_interval_seconds=30,
        default_status=status,
        description="Starts submit_conversions when requests are due. Two ticks on one state give one run.",
    )(_tick)


def _tick(
    context: dg.SensorEvaluationContext, warehouse: WarehouseResource, config: ConfigResource, clock: ClockResource
) -> dg.RunRequest | dg.SkipReason:
    under_way = _newest_run(context, _UNFINISHED)
    if under_way is not None:
        return dg.SkipReason(f"Run {under_way[:8]} of {SUBMIT_JOB} is under way.")
    settings = settings_of(config.load(), config.campaign_id)
    try:
        with warehouse.warehouse().reading(wait_seconds=LOCK_SECONDS) as con:
            seen = glance(con, settings, clock.now())
    except (WarehouseLocked, WarehouseMissing) as error:
        return dg.SkipReason(str(error))
    if why := seen.why_not():
        return dg.SkipReason(why)
    return dg.RunRequest(run_key=run_key(seen, _newest_run(context, _FINISHED)))


def run_key(seen: Glance, last_finished: str | None) -> str:
    """Changes with every move in the outbox and with every submit run that ends: so one state gives one run."""
    return f"{seen.newest_transition}-{last_finished or 'none'}"


def _newest_run(context: dg.SensorEvaluationContext, statuses: list[Status]) -> str | None:
    runs = context.instance.get_runs(dg.RunsFilter(job_name=SUBMIT_JOB, statuses=statuses), limit=1)
    return runs[0].run_id if runs else None


outbox_sensor = outbox_sensor_that_is(dg.DefaultSensorStatus.STOPPED)
