"""What must hold of conversions.*, and what is held."""

import dagster as dg

from impact_pipeline.conversions.assets import CONVERSION, DECISION
from impact_pipeline.warehouse.assets import count_table
from impact_pipeline.warehouse.resource import WarehouseResource


def _must_be_none(asset: dg.AssetKey, name: str, about: str, sql: str) -> dg.AssetChecksDefinition:
    """A check that stops the run when `sql` counts anything."""

    @dg.asset_check(asset=asset, name=name, description=about, blocking=True)
    def check(warehouse: WarehouseResource) -> dg.AssetCheckResult:
        with warehouse.warehouse().reading() as con:
            row = con.execute(sql).fetchone()
        count = row[0] if row else 0
        return dg.AssetCheckResult(
            passed=count == 0, severity=dg.AssetCheckSeverity.ERROR, metadata={"count": count, "sql": sql}
        )

    return check


@dg.asset_check(asset=DECISION, description="Nothing is held. Each hold has a reason that says what to mend.")
def nothing_is_held(warehouse: WarehouseResource) -> dg.AssetCheckResult:
    with warehouse.warehouse().reading() as con:
        rows = con.execute(
            "select object, event, reason, count(*), coalesce(sum(amount), 0)::varchar "
            "from conversions.current_decision where decision = 'hold' group by all order by all"
        ).fetchall()
    held = sum(row[3] for row in rows)
    return dg.AssetCheckResult(
        passed=held == 0,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{held} held; impact-pipeline explain RECORD_ID tells what one of them needs, "
        "impact-pipeline plan what waits to be accepted."
        if held
        else None,
        metadata={"held": held, "by_reason": count_table(["object", "event", "reason", "count", "amount"], rows)},
    )


checks = [
    _must_be_none(
        DECISION,
        "one_current_decision",
        "Each change has exactly one current decision per event.",
        "select count(*) from (select change_id, event from conversions.current_decision "
        "group by all having count(*) > 1)",
    ),
    _must_be_none(
        DECISION,
        "one_carrier_per_event",
        "Each business event is carried by one change: sent, held or reported once.",
        "select count(*) from (select event_id from conversions.current_decision "
        "where carries and event_id is not null group by all having count(*) > 1)",
    ),
    _must_be_none(
        CONVERSION,
        "sums_are_equal",
        "The items of a conversion add up to its amount.",
        "select count(*) from (select any_value(c.amount) as amount, sum(i.amount) as items "
        "from conversions.conversion as c join conversions.item as i using (event_id) "
        "group by c.event_id having any_value(c.amount) is distinct from sum(i.amount))",
    ),
    nothing_is_held,
]
