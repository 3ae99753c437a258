"""The job that erases what is too old. An op, not an asset: it makes nothing."""

import dagster as dg

from impact_pipeline.config.resource import ConfigResource
from impact_pipeline.reconciliation.retention import RETENTION_JOB
from impact_pipeline.reconciliation.retention import apply_retention as erase_what_is_too_old
from impact_pipeline.warehouse.assets import count_table
from impact_pipeline.warehouse.binding import is_bound
from impact_pipeline.warehouse.resource import ClockResource, WarehouseResource


@dg.op(
    out=dg.Out(dg.Nothing),
    required_resource_keys={"warehouse", "config", "clock"},
    description="Erases what is older than retention in pipeline.yaml, and writes the warehouse anew where it did.",
)
def erase_old_values(context: dg.OpExecutionContext) -> dg.Output[None]:
    warehouse: WarehouseResource = context.resources.warehouse
    config: ConfigResource = context.resources.config
    clock: ClockResource = context.resources.clock
    with warehouse.warehouse().reading() as con:
        is_bound(con, account_sid=config.account_sid, campaign_id=config.campaign_id)
    erased = erase_what_is_too_old(
        warehouse.warehouse(), config.load().pipeline.retention, run_id=context.run_id, now=clock.now()
    )
    return dg.Output(
        None,
        metadata={
            "erased": count_table(["table", "rows"], sorted(erased.rows.items())),
            "backups removed": dg.MetadataValue.int(len(erased.files)),
        },
    )


@dg.job(name=RETENTION_JOB, description="Erases values that are older than retention in pipeline.yaml allows.")
def apply_retention() -> None:
    erase_old_values()
