"""What must hold of reconciliation.*, and what somebody should look at."""

import dagster as dg

from impact_pipeline.reconciliation import report
from impact_pipeline.reconciliation.assets import OPEN_DIFFERENCE, STATUS, TOTALS, answer_table
from impact_pipeline.warehouse.resource import WarehouseResource


@dg.asset_check(
    asset=TOTALS,
    blocking=True,
    description=(
        "Both equations hold to the cent in every line: expected = not sent + sent; sent = refused + not credited + "
        "credited + reversed + open. And every difference to impact.com's amounts is listed by row."
    ),
)
def totals_balance(warehouse: WarehouseResource) -> dg.AssetCheckResult:
    with warehouse.warehouse().reading() as con:
        unbalanced = report.unbalanced(con)
    return dg.AssetCheckResult(
        passed=not unbalanced.rows,
        severity=dg.AssetCheckSeverity.ERROR,
        description=(
            f"{len(unbalanced.rows)} lines of reconciliation.totals do not balance. Materialize the asset with "
            "full: true; if they stay, the outbox and the decisions disagree: compare the rows of these lines in "
            "reconciliation.conversion_status."
            if unbalanced.rows
            else None
        ),
        metadata={"unbalanced": answer_table(unbalanced)},
    )


@dg.asset_check(
    asset=STATUS,
    description="No conversion is lost between decision and outbox: each one that is due is queued, sent or held.",
)
def nothing_is_lost(warehouse: WarehouseResource) -> dg.AssetCheckResult:
    with warehouse.warehouse().reading() as con:
        rows = con.execute(
            "select event_id, object, Id, EventTypeCode from reconciliation.conversion_status "
            "where class = 'not_in_outbox' or bucket = 'missing' order by since, key"
        ).fetchall()
    return dg.AssetCheckResult(
        passed=not rows,
        severity=dg.AssetCheckSeverity.ERROR,
        description=(
            f"{len(rows)} conversions are due and neither queued nor held, such as {rows[0][1]} {rows[0][2]} "
            f"({rows[0][3]}). Run the cycle again; if they stay, report it."
            if rows
            else None
        ),
        metadata={"lost": len(rows)},
    )


@dg.asset_check(
    asset=OPEN_DIFFERENCE,
    description="Nothing is open: no hold, refusal, loss or difference that somebody should look at.",
)
def nothing_is_open(warehouse: WarehouseResource) -> dg.AssetCheckResult:
    with warehouse.warehouse().reading() as con:
        summary = report.open_summary(con)
    count = sum(record["key_count"] for record in summary.records())
    by_class = ", ".join(
        f"{record['key_count']} {record['class']} ({record['why']})" for record in summary.records()[:5]
    )
    return dg.AssetCheckResult(
        passed=count == 0,
        severity=dg.AssetCheckSeverity.WARN,
        description=(
            f"{count} keys are open: {by_class}{' …' if len(summary.rows) > 5 else ''}. "
            "reconciliation.open_difference names each one with its remedy."
            if count
            else None
        ),
        metadata={"open": count, "by_reason": answer_table(summary)},
    )


checks = [totals_balance, nothing_is_lost, nothing_is_open]
