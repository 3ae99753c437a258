"""The job that sends. An op, not an asset: what it makes is at impact.com."""

import dagster as dg

from impact_pipeline.config.resource import ConfigResource
from impact_pipeline.outbox.impact.client import (
    ImpactError,
    NotPermittedError,
    UnreachableError,
    WrongCredentialError,
)
from impact_pipeline.outbox.impact.resource import ImpactResource
from impact_pipeline.outbox.lane import SubmitReport
from impact_pipeline.outbox.moves import LeaseLostError
from impact_pipeline.outbox.pool import TURNED_AWAY, Stop
from impact_pipeline.outbox.settings import settings_of
from impact_pipeline.outbox.submit import submit
from impact_pipeline.warehouse.assets import bars, count_table, tag_run
from impact_pipeline.warehouse.binding import is_bound
from impact_pipeline.warehouse.high_water import RestoredOldCopy
from impact_pipeline.warehouse.resource import ClockResource, WarehouseResource

SUBMIT_JOB = "submit_conversions"
_DISCLOSED = (
    "select object, parameter, form, sum(record_count)::bigint from audit.disclosure where run_id = $run_id "
    "group by all order by all"
)
# Why a run that ended early failed, so that somebody hears of it. A rate limit is no failure.
FAILING = frozenset({TURNED_AWAY, "refused_alike", "breaker_open"})


@dg.op(
    out=dg.Out(dg.Nothing),
    required_resource_keys={"warehouse", "impact", "config", "clock"},
    description="Sends what is due, each request once; what gets no answer is settled by reading.",
)
def submit_requests(context: dg.OpExecutionContext) -> dg.Output[None]:
    warehouse: WarehouseResource = context.resources.warehouse
    impact: ImpactResource = context.resources.impact
    config: ConfigResource = context.resources.config
    clock: ClockResource = context.resources.clock
    settings = settings_of(config.load(), config.campaign_id)
    with warehouse.warehouse().reading() as con:
        is_bound(con, account_sid=config.account_sid, campaign_id=config.campaign_id)
    client = impact.client()
    try:
        report = submit(warehouse.warehouse(), client, settings, run_id=context.run_id, clock=clock.now)
    except (LeaseLostError, RestoredOldCopy) as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error
    finally:
        client.close()
    context.log.info(sentence(report))
    tag_run(context, sent=str(report.sent))
    with warehouse.warehouse().reading() as con:
        left = con.execute(_DISCLOSED, {"run_id": context.run_id}).fetchall()
    shown = _metadata(report) | {"what left": count_table(["object", "parameter", "form", "records"], left)}
    if report.stop is not None and report.stop.code in FAILING:
        failure = dg.Failure(description=sentence(report), metadata=shown, allow_retries=False)
        raise failure from _cause(report.stop)
    return dg.Output(None, metadata=shown)


@dg.job(
    name=SUBMIT_JOB, description="outbox → impact.com: sends what is due. outbox_sensor starts it when something is."
)
def submit_conversions() -> None:
    submit_requests()


def sentence(report: SubmitReport) -> str:
    """What a run did, in words."""
    if report.skipped:
        return report.skipped
    sent = ", ".join(f"{count} {verdict}" for verdict, count in sorted(report.verdicts.items()))
    left = ", ".join(f"{count} {wait}" for wait, count in report.waits.items())
    parts = [
        f"{report.sent} requests sent in {report.groups} groups" + (f": {sent}." if sent else "."),
        f"{report.recovered} of an earlier run are in doubt now." if report.recovered else "",
        f"Left waiting: {left}." if left else "",
        f"Stopped early: {report.stop.why}." if report.stop else "",
    ]
    return " ".join(filter(None, parts))


def _cause(stop: Stop) -> Exception | None:
    """Whose fault it is, in the client's own words for it; None: nobody's in particular."""
    if stop.code == "breaker_open":
        return UnreachableError(f"{stop.why}.")
    if stop.code != TURNED_AWAY:
        return None
    kinds = {"http_401": WrongCredentialError, "http_403": NotPermittedError}
    return kinds.get(stop.reason, ImpactError)(f"{stop.why}. Nothing more is sent before that.")


def _metadata(report: SubmitReport) -> dict[str, dg.MetadataValue]:
    verdicts, waits = sorted(report.verdicts.items()), sorted(report.waits.items())
    return {
        "told": dg.MetadataValue.text(sentence(report)),
        "sent": dg.MetadataValue.int(report.sent),
        "groups": dg.MetadataValue.int(report.groups),
        "recovered": dg.MetadataValue.int(report.recovered),
        "verdicts": count_table(["verdict", "count"], verdicts),
        "waiting": count_table(["wait", "count"], waits),
        "accepted money": count_table(["currency", "amount"], sorted(report.accepted_amounts.items())),
        "chart": bars("What impact.com answered", verdicts),
    }


jobs = [submit_conversions]
