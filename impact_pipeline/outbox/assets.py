"""conversions.* → outbox.request, and impact.com → audit.*, as Dagster shows them. Sending is no asset: see jobs.py."""

from collections.abc import Iterator

import dagster as dg
import duckdb

from impact_pipeline.config.resource import ConfigResource
from impact_pipeline.outbox.confirm import confirm
from impact_pipeline.outbox.impact.client import ImpactError
from impact_pipeline.outbox.impact.resource import ImpactResource
from impact_pipeline.outbox.moves import LeaseLostError
from impact_pipeline.outbox.queue import enqueue
from impact_pipeline.outbox.settings import settings_of
from impact_pipeline.warehouse.assets import bars, count_table, lineage, preview, table_metadata
from impact_pipeline.warehouse.binding import is_bound
from impact_pipeline.warehouse.resource import ClockResource, WarehouseResource
from impact_pipeline.warehouse.sql import Column

REQUEST = dg.AssetKey(["outbox", "request"])
SUBMISSION = dg.AssetKey(["audit", "submission"])
ACTION = dg.AssetKey(["audit", "action"])
# What a request takes from its conversion under the same name; its body has all parameters.
_TAKEN = (
    "event_id", "object", "Id", "event", "CampaignId", "ActionTrackerId", "EventTypeCode", "OrderId", "CustomerId",
    "EventDate", "event_at", "CurrencyCode", "amount", "item_count", "config_hash",
)  # fmt: skip
_SHOWN = {
    REQUEST: ("request_id", "Type", "EventTypeCode", "OrderId", "state", "outcome", "reason", "wait", "amount"),
    SUBMISSION: ("observed_at", "submission_id", "EventCode", "OrderId", "Status", "ErrorType", "ErrorReason"),
    ACTION: ("observed_at", "action_id", "ActionTrackerId", "Oid", "State", "Amount", "Payout", "Currency"),
}
_STATES = "select Type, state, coalesce(outcome, ''), count(*) from outbox.request group by all order by all"


@dg.asset(
    key=REQUEST,
    group_name="outbox",
    kinds={"duckdb"},
    deps=[dg.AssetKey(["conversions", name]) for name in ("decision", "conversion", "item")],
    required_resource_keys={"warehouse", "config", "clock"},
    description=(
        "Everything to be told to impact.com, or told: one row per request, with the exact body, its state and its "
        "outcome. One live request per business event and per key."
    ),
)
def request(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    warehouse: WarehouseResource = context.resources.warehouse
    config: ConfigResource = context.resources.config
    clock: ClockResource = context.resources.clock
    settings = settings_of(config.load(), config.campaign_id)
    with warehouse.warehouse().transaction() as con:
        is_bound(con, account_sid=config.account_sid, campaign_id=config.campaign_id)
        counts = enqueue(con, settings, run_id=context.run.run_id, now=clock.now())
        shown = table_metadata(con, *REQUEST.path) | lineage(_request_lineage(con))
        newest = preview(con, REQUEST.path, _SHOWN[REQUEST])
        states = con.execute(_STATES).fetchall()
    return dg.MaterializeResult(
        metadata=shown
        | dict(vars(counts))
        | {
            "states": count_table(["Type", "state", "outcome", "count"], states),
            "chart": bars("Requests by state", [(" ".join(filter(None, row[:3])), row[3]) for row in states]),
            "preview": newest,
        }
    )


def _request_lineage(con: duckdb.DuckDBPyConnection) -> dict[str, list[Column]]:
    """The body has each parameter of the conversion and of its items, and the rest is taken over by name."""
    rows = con.execute(
        "select table_name, column_name from duckdb_columns() where database_name = current_database() "
        "and schema_name = 'conversions' and table_name in ('conversion', 'item') and column_name similar to '[A-Z].*' "
        "and column_name <> 'Id' order by all"
    ).fetchall()
    body: list[Column] = [("conversions", table, column) for table, column in rows]
    return {name: [("conversions", "conversion", name)] for name in _TAKEN} | {"payload": body}


@dg.multi_asset(
    name="confirm",
    specs=[
        dg.AssetSpec(
            key=SUBMISSION,
            deps=[REQUEST],
            group_name="outbox",
            kinds={"impact.com", "duckdb"},
            description="impact.com's queue records, one row per differing observation. There they vanish in 90 days.",
        ),
        dg.AssetSpec(
            key=ACTION,
            deps=[REQUEST],
            group_name="outbox",
            kinds={"impact.com", "duckdb"},
            description="impact.com's actions, ours or not, one row per differing observation.",
        ),
    ],
    required_resource_keys={"warehouse", "impact", "config", "clock"},
)
def confirmation(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]
    """Reads what became of the requests, and settles those whose end is known."""
    warehouse: WarehouseResource = context.resources.warehouse
    impact: ImpactResource = context.resources.impact
    config: ConfigResource = context.resources.config
    clock: ClockResource = context.resources.clock
    settings = settings_of(config.load(), config.campaign_id)
    with warehouse.warehouse().reading() as con:
        is_bound(con, account_sid=config.account_sid, campaign_id=config.campaign_id)
    client = impact.client()
    try:
        report = confirm(warehouse.warehouse(), client, settings, run_id=context.run.run_id, clock=clock.now)
    except (ImpactError, LeaseLostError) as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error
    finally:
        client.close()
    with warehouse.warehouse().reading() as con:
        shown = {
            key: table_metadata(con, *key.path) | {"preview": preview(con, key.path, _SHOWN[key])}
            for key in (SUBMISSION, ACTION)
        }
    outcomes = sorted(report.outcomes.items())
    common = {
        "api_calls": report.api_calls,
        "settled": count_table(["outcome", "count"], outcomes),
        "chart": bars("Settled in this run", outcomes),
        "told": report.skipped or report.problem or "everything that was due was read",
    }
    yield dg.MaterializeResult(
        asset_key=SUBMISSION, metadata=shown[SUBMISSION] | common | {"observations": report.submissions}
    )
    yield dg.MaterializeResult(asset_key=ACTION, metadata=shown[ACTION] | common | {"observations": report.actions})


assets = [request, confirmation]
