"""What must hold of the readers' copy."""

from datetime import timedelta

import dagster as dg

from impact_pipeline.warehouse.assets import PUBLISHED
from impact_pipeline.warehouse.publish import published_at, readers_path
from impact_pipeline.warehouse.resource import ClockResource, WarehouseResource

# Cycles publish every ten to fifteen minutes.
_OLD = timedelta(hours=2)


@dg.asset_check(
    asset=PUBLISHED,
    description=f"The readers' copy can be opened and was made within the last {_OLD.seconds // 3600} hours.",
)
def copy_is_young(warehouse: WarehouseResource, clock: ClockResource) -> dg.AssetCheckResult:
    path = readers_path(warehouse.warehouse().path)
    made_at = published_at(path)
    if made_at is None:
        return dg.AssetCheckResult(
            passed=False, description=f"There is no {path.name} yet: impact-pipeline publish makes it."
        )
    age = clock.now() - made_at
    return dg.AssetCheckResult(
        passed=age <= _OLD,
        severity=dg.AssetCheckSeverity.WARN,
        description=(
            f"It was made {age // timedelta(minutes=1)} minutes ago. Look whether conversion_cycle and "
            "confirm_and_reconcile run; impact-pipeline publish makes it anew."
            if age > _OLD
            else None
        ),
        metadata={"made at": dg.MetadataValue.timestamp(made_at), "minutes": age // timedelta(minutes=1)},
    )


checks = [copy_is_young]
