"""What must hold of reconciliation.*, and what somebody should look at."""

from datetime import timedelta

import dagster as dg

from impact_pipeline.reconciliation import report
from impact_pipeline.reconciliation.assets import LOCK_CALENDAR, OPEN_DIFFERENCE, STATUS, TOTALS, answer_table
from impact_pipeline.warehouse.resource import ClockResource, WarehouseResource
from impact_pipeline.warehouse.sql import sql_file

# A correction takes an hour of gathering and a day at impact.com; a person needs longer.
_SOON, _URGENT = timedelta(days=7), timedelta(days=2)


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
        rows = con.execute(sql_file(__file__, "lost.sql")).fetchall()
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


@dg.asset_check(
    asset=TOTALS,
    description="impact.com's amounts are those that it should show, in every line whose currencies are equal.",
)
def money_agrees(warehouse: WarehouseResource) -> dg.AssetCheckResult:
    with warehouse.warehouse().reading() as con:
        differing = report.differing(con)
    lines = ", ".join(
        f"{row['EventTypeCode']} of {row['month']:%Y-%m} by {row['impact_difference']:,.2f} {row['CurrencyCode']}"
        for row in differing.records()[:5]
    )
    return dg.AssetCheckResult(
        passed=not differing.rows,
        severity=dg.AssetCheckSeverity.WARN,
        description=(
            f"{len(differing.rows)} lines differ from what impact.com should show: {lines}. The rows behind them are "
            "in reconciliation.open_difference, or wait for a correction that is under way."
            if differing.rows
            else None
        ),
        metadata={"lines": answer_table(differing)},
    )


@dg.asset_check(
    asset=LOCK_CALENDAR,
    description=f"Nothing is open among what impact.com locks within {_SOON.days} days; after that it stays as it is.",
)
def nothing_open_locks_soon(warehouse: WarehouseResource, clock: ClockResource) -> dg.AssetCheckResult:
    today = clock.now().date()
    with warehouse.warehouse().reading() as con:
        days = [day for day in report.lock_calendar(con).records() if day["open_count"]]
    soon = sorted(
        (day for day in days if today <= day["locking_date"] <= today + _SOON), key=lambda day: day["locking_date"]
    )
    told = ", ".join(
        f"{day['open_count']} with {day['open_amount']:,.2f} {day['impact_currency']} on {day['locking_date']}"
        for day in soon
    )
    is_urgent = bool(soon) and soon[0]["locking_date"] <= today + _URGENT
    return dg.AssetCheckResult(
        passed=not soon,
        severity=dg.AssetCheckSeverity.ERROR if is_urgent else dg.AssetCheckSeverity.WARN,
        description=(
            f"Open and about to lock: {told}. reconciliation.open_difference names each with its remedy."
            if soon
            else None
        ),
        metadata={"open": sum(day["open_count"] for day in soon)},
    )


checks = [totals_balance, nothing_is_lost, nothing_is_open, money_agrees, nothing_open_locks_soon]
