"""Watches the newest run of each job and the newest result of each asset check, and tells what changed."""

from collections.abc import Iterable, Iterator, Sequence

import dagster as dg
from dagster import DagsterRunStatus as Status
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus as Result
from dagster_shared.error import SerializableErrorInfo

from impact_pipeline.alerts.news import Failing, message, remembered, to_remember
from impact_pipeline.alerts.resource import AlertsResource
from impact_pipeline.config.errors import ConfigError
from impact_pipeline.config.resource import ConfigResource
from impact_pipeline.conversions.relations import UnknownPath
from impact_pipeline.warehouse.binding import WrongBinding
from impact_pipeline.warehouse.connection import WarehouseLocked, WarehouseMissing
from impact_pipeline.warehouse.cycles import NothingCaptured
from impact_pipeline.warehouse.high_water import RestoredOldCopy

# Their texts name files, keys, processes and remedies, and no value of a record.
_OURS = frozenset(
    kind.__name__
    for kind in (
        ConfigError, NothingCaptured, RestoredOldCopy, UnknownPath, WarehouseLocked, WarehouseMissing, WrongBinding,
    )
)  # fmt: skip
# A canceled run says nothing: somebody canceled it, and the next one tells.
_ENDED = [Status.SUCCESS, Status.FAILURE]
_OF_STEPS = dg.DagsterEventType.STEP_FAILURE
_SEVERITIES = {"error": {dg.AssetCheckSeverity.ERROR}, "warning": set(dg.AssetCheckSeverity)}


def alert_sensor_that_is(status: dg.DefaultSensorStatus, *, jobs: Sequence[str]) -> dg.SensorDefinition:
    """
    The sensor, switched on or off until somebody says otherwise in the UI.

    Its cursor is what it told to fail, and moves once the message was taken: what was not delivered is told again.
    """

    @dg.sensor(
        name="alert_sensor",
        minimum_interval_seconds=60,
        default_status=status,
        description=(
            "Tells the addresses of IMPACT_PIPELINE_ALERTS when a job or an asset check begins to fail, and when it "
            "works again. The same failure is told once."
        ),
    )
    def tick(
        context: dg.SensorEvaluationContext, alerts: AlertsResource, config: ConfigResource
    ) -> dg.SkipReason | dg.SensorResult:
        if not alerts.count:
            return dg.SkipReason("Nobody is told: IMPACT_PIPELINE_ALERTS names no address.")
        checks = sorted(_checks(context), key=str)
        severities = _SEVERITIES[config.load().pipeline.alerts.severity]
        failing = [*_failing_jobs(context.instance, jobs), *_failing_checks(context.instance, checks, severities)]
        now = {one.name: one.told for one in failing}
        news = message(remembered(context.cursor), now, program=config.campaign_id)
        if news is None:
            return dg.SkipReason(
                f"Nothing new: {len(now)} of {len(jobs)} jobs and {len(checks)} checks fail, and that was told."
                if now
                else f"Nothing new: none of {len(jobs)} jobs and {len(checks)} checks fails."
            )
        alerts.tell(news)
        return dg.SensorResult(
            skip_reason=dg.SkipReason(f"Told {_addresses(alerts.count)}: {news.title}."), cursor=to_remember(now)
        )

    return tick


def _addresses(count: int) -> str:
    return f"{count} address" if count == 1 else f"{count} addresses"


def _checks(context: dg.SensorEvaluationContext) -> Iterable[dg.AssetCheckKey]:
    if context.repository_def is None:
        raise AssertionError("Dagster gives a sensor its repository.")
    return context.repository_def.asset_graph.asset_check_keys


def _failing_jobs(instance: dg.DagsterInstance, jobs: Iterable[str]) -> Iterator[Failing]:
    for job in jobs:
        for run in instance.get_runs(dg.RunsFilter(job_name=job, statuses=_ENDED), limit=1):
            if run.status is Status.FAILURE:
                yield Failing(name=f"job {job}", told=f"Run {run.run_id[:8]} failed. {_why(instance, run.run_id)}")


def _why(instance: dg.DagsterInstance, run_id: str) -> str:
    """What a step said itself. The text of an error that is none of ours may quote a record, and stays in the log."""
    for entry in instance.all_logs(run_id, of_type=_OF_STEPS):
        event = entry.get_dagster_event()
        failed = event.step_failure_data
        said = failed.user_failure_data
        return (
            (said and said.description)
            or next(_our_words(failed.error), None)
            or f"The step {event.step_key} broke off; the run's log tells why."
        )
    return "The run's log tells why."


def _our_words(error: SerializableErrorInfo | None) -> Iterator[str]:
    """The sentences of our own errors among an error and its causes."""
    while error is not None:
        if error.cls_name in _OURS:
            yield error.message.partition(": ")[2].strip()
        error = error.cause


def _failing_checks(
    instance: dg.DagsterInstance, keys: Sequence[dg.AssetCheckKey], severities: set[dg.AssetCheckSeverity]
) -> Iterator[Failing]:
    storage = instance.event_log_storage
    newest = storage.get_latest_asset_check_execution_by_key(keys)
    for key in keys:
        record = newest.get(key)
        if record is not None and record.status is Result.PLANNED:
            # Its run is under way: what it found last holds until then.
            ended = storage.get_asset_check_execution_history(key, limit=1, status={Result.SUCCEEDED, Result.FAILED})
            record = ended[0] if ended else None
        if record is None or record.status is not Result.FAILED or record.event is None:
            continue
        found = record.event.asset_check_evaluation
        if found is not None and found.severity in severities:
            asset = "/".join(key.asset_key.path)
            yield Failing(name=f"check {key.name} of {asset}", told=found.description or "It gives no reason.")
