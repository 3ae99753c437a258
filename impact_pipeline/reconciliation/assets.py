"""outbox.*, audit.* → reconciliation.*, as Dagster shows it: one step that compares all three sides."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import duckdb

from impact_pipeline.config.resource import ConfigResource
from impact_pipeline.reconciliation import report
from impact_pipeline.reconciliation.figures import funnel_bars, latency_bars, money_bars, reason_bars
from impact_pipeline.reconciliation.reconcile import ReconciliationCounts, reconcile
from impact_pipeline.reconciliation.settings import settings_of
from impact_pipeline.warehouse.assets import bars, chart, charts, count_table, lineage, preview, table_metadata
from impact_pipeline.warehouse.binding import is_bound
from impact_pipeline.warehouse.cycles import binding
from impact_pipeline.warehouse.resource import ClockResource, WarehouseResource

STATUS = dg.AssetKey(["reconciliation", "conversion_status"])
TOTALS = dg.AssetKey(["reconciliation", "totals"])
OPEN_DIFFERENCE = dg.AssetKey(["reconciliation", "open_difference"])
LOCK_CALENDAR = dg.AssetKey(["reconciliation", "lock_calendar"])
REPORT = dg.AssetKey(["reconciliation", "report"])
_UPSTREAM = (
    dg.AssetKey(["conversions", "decision"]),
    dg.AssetKey(["outbox", "request"]),
    dg.AssetKey(["audit", "action"]),
)
_SHOWN = ("since", "class", "why", "EventTypeCode", "OrderId", "sent_amount", "CurrencyCode", "impact_amount")
_COMPARED_FROM = {
    "OrderId": [("conversions", "decision", "OrderId"), ("outbox", "request", "OrderId"), ("audit", "action", "Oid")],
    "expected_amount": [("conversions", "decision", "amount")],
    "sent_amount": [("outbox", "request", "amount")],
    "wanted_amount": [("outbox", "request", "amount")],
    "impact_amount": [("audit", "action", "Amount")],
    "impact_payout": [("audit", "action", "Payout")],
    "state": [("outbox", "request", "state")],
    "outcome": [("outbox", "request", "outcome")],
}
_ABOUT = {
    STATUS: (
        "One row per key (program, event type, OrderId) that Salesforce asks for, the outbox knows or impact.com "
        "shows, each in exactly one of 22 classes."
    ),
    TOTALS: (
        "Per event type, month and currency: expected = not sent + sent; sent = refused + not credited + credited + "
        "reversed + open; and impact.com's counts, amounts and payouts beside them."
    ),
    OPEN_DIFFERENCE: "Every key that somebody should look at, with the reason and what to do about it.",
    REPORT: (
        "Charts: how far the conversions of each event type got, money sent against money confirmed, what is held and "
        "open by reason, how long it took. Its rows are the expected conversions. impact-pipeline reconcile --html "
        "writes the same as a page for finance."
    ),
    LOCK_CALENDAR: "Day by day: the actions and the money that lock, and what is still open among them.",
}


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            key=key,
            deps=_UPSTREAM if key == STATUS else [STATUS],
            group_name="reconciliation",
            kinds={"duckdb"},
            description=about,
        )
        for key, about in _ABOUT.items()
    ],
    name="reconcile",
    required_resource_keys={"warehouse", "clock", "config"},
    config_schema={
        "full": dg.Field(bool, default_value=False, description="Compare every key anew, not only those with news.")
    },
)
def reconciliation(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]
    """Compares what has news, writes the rows that differ, and shows what it came to."""
    program: ConfigResource = context.resources.config
    warehouse: WarehouseResource = context.resources.warehouse
    clock: ClockResource = context.resources.clock
    with warehouse.warehouse().transaction() as con:
        is_bound(con, account_sid=program.account_sid, campaign_id=program.campaign_id)
        settings = settings_of(program.load(), binding(con).campaign_id)
        counts = reconcile(con, settings, now=clock.now(), full=context.op_execution_context.op_config["full"])
        shown = {key: table_metadata(con, *key.path) | _shown(key, con, counts) for key in _ABOUT if key != REPORT}
        shown[REPORT] = _report(con)
    for key, metadata in shown.items():
        yield dg.MaterializeResult(asset_key=key, metadata=metadata)


def _shown(key: dg.AssetKey, con: duckdb.DuckDBPyConnection, counts: ReconciliationCounts) -> dict[str, Any]:
    """What the UI shows of one of the tables beside its columns: numbers and codes, never a record."""
    if key == STATUS:
        return lineage(_COMPARED_FROM) | {
            "keys_compared": counts.keys_compared,
            "rows_changed": counts.rows_changed,
            "classes": answer_table(report.classes(con)),
            "chart": bars("Keys by class", counts.by_class.items()),
            "preview": preview(con, STATUS.path, _SHOWN),
        }
    if key == TOTALS:
        return {"totals": answer_table(report.totals(con))}
    if key == OPEN_DIFFERENCE:
        summary = report.open_summary(con)
        return {
            "open": sum(counts.open_by_class.values()),
            "by_reason": answer_table(summary),
            "chart": chart("Open differences by reason", reason_bars(summary.records())),
        }
    return {"calendar": answer_table(report.lock_calendar(con))}


def _report(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    totals, summary = report.totals(con).records(), report.open_summary(con).records()
    figures = {
        "How far the conversions got": funnel_bars(report.funnel(con)),
        "Money by month: sent, wanted after corrections, confirmed": money_bars(totals),
        "Held and open, by reason": reason_bars(summary),
        "How long conversions took": latency_bars(report.latency(con).records()),
    }
    return {"dagster/row_count": sum(row["expected"] for row in totals), "charts": charts(figures)}


def answer_table(answer: report.Answer) -> dg.TableMetadataValue:
    """An answer as a table of the UI."""
    return count_table(answer.names, answer.rows)


assets = [reconciliation]
