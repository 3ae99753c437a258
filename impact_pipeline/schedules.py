"""When the jobs start by themselves: the two that follow Salesforce and impact.com, and the readings of everything."""

from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
from dagster import DagsterRunStatus as Status

from impact_pipeline.capture.objects import expected_objects
from impact_pipeline.config.load import Config

_UNFINISHED = [Status.QUEUED, Status.NOT_STARTED, Status.STARTING, Status.STARTED, Status.CANCELING]


def schedules(
    config: Config,
    status: dg.DefaultScheduleStatus,
    *,
    cycle: Any,
    confirm: Any,
    compared: Any,
    looked_at: Any,
    erases: Any,
) -> Iterator[dg.ScheduleDefinition]:
    """
    All schedules.

    Args:
        cycle, confirm, compared, looked_at, erases: the jobs that capture, confirm, count what is there and here, ask
            whether everything is set up, and erase what is too old.
    """
    yield from _full_rereads(config, cycle, status)
    options = config.pipeline.capture
    if options.id_sweep is not None:
        yield dg.ScheduleDefinition(
            name="id_sweep",
            job=cycle,
            cron_schedule=options.id_sweep,
            run_config={"ops": {"capture": {"config": {"sweep": expected_objects(config.capture_set())}}}},
            default_status=status,
            description="Compares all Ids with Salesforce's: finds records that were deleted without a trace.",
        )
    if options.completeness_check is not None:
        yield dg.ScheduleDefinition(
            name="completeness_check",
            job=compared,
            cron_schedule=options.completeness_check,
            default_status=status,
            description="Counts the records of each day in Salesforce and here, and compares a sample.",
        )
    yield dg.ScheduleDefinition(
        name="daily_retention",
        job=erases,
        cron_schedule="45 3 * * *",
        default_status=status,
        description="Every night: erases what is older than retention in pipeline.yaml.",
    )
    yield dg.ScheduleDefinition(
        name="daily_preflight",
        job=looked_at,
        cron_schedule="0 6 * * *",
        default_status=status,
        description="Every morning: whether rights, program and budgets are still as they have to be.",
    )
    yield dg.ScheduleDefinition(
        job=cycle,
        cron_schedule="*/15 * * * *",
        execution_fn=_unless_under_way(cycle.name),
        default_status=status,
        description="Every 15 minutes: what is new in Salesforce. Left out while a cycle is under way.",
    )
    yield dg.ScheduleDefinition(
        job=confirm,
        cron_schedule="*/10 * * * *",
        execution_fn=_unless_under_way(confirm.name),
        default_status=status,
        description="Every 10 minutes: what became of what was sent. Left out while the one before is under way.",
    )


def _unless_under_way(job: str) -> Callable[[dg.ScheduleEvaluationContext], dg.RunRequest | dg.SkipReason]:
    def tick(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        return skip_reason(context.instance, job) or dg.RunRequest()

    return tick


def skip_reason(instance: dg.DagsterInstance, job: str) -> dg.SkipReason | None:
    """A run that takes longer than the schedule's interval is not followed by a queue of others like it."""
    for run in instance.get_runs(dg.RunsFilter(job_name=job, statuses=_UNFINISHED), limit=1):
        return dg.SkipReason(f"Run {run.run_id[:8]} of {job} is under way; the next tick looks again.")
    return None


def _full_rereads(config: Config, cycle: Any, status: dg.DefaultScheduleStatus) -> Iterator[dg.ScheduleDefinition]:
    """A schedule per object whose formula fields are watched: it reads the object in full."""
    for name, about in config.objects.items():
        if about.declared.full_reread is not None:
            yield dg.ScheduleDefinition(
                name=f"full_reread_{name}",
                job=cycle,
                cron_schedule=about.declared.full_reread,
                run_config={"ops": {"capture": {"config": {"reread": [name]}}}},
                default_status=status,
                description=f"Reads {name} in full: changes of formula fields move no stamp.",
            )
