"""What must hold of changes.change."""

import dagster as dg

from impact_pipeline.changes.assets import CHANGE
from impact_pipeline.warehouse.resource import WarehouseResource


@dg.asset_check(
    asset=CHANGE,
    blocking=True,
    description="No version of a record and no history row has made two changes of one kind.",
)
def each_version_changes_once(warehouse: WarehouseResource) -> dg.AssetCheckResult:
    with warehouse.warehouse().reading() as con:
        rows = con.execute(
            "select object, count(*) from ("
            "select object from changes.change where kind not in ('items', 'history', 'requested', 'refund') "
            "group by object, version_id having count(*) > 1 "
            "union all "
            "select object from changes.change where kind = 'history' group by object, history_id having count(*) > 1) "
            "group by all order by all"
        ).fetchall()
    return dg.AssetCheckResult(
        passed=not rows,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={"repeated": sum(count for _, count in rows), "objects": ", ".join(name for name, _ in rows)},
    )


checks = [each_version_changes_once]
