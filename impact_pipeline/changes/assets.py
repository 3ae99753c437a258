"""raw.* → changes.change, as Dagster shows it."""

import dagster as dg

from impact_pipeline.changes.compare import find_changes
from impact_pipeline.changes.watched import change_lineage, compared_objects, watched_objects
from impact_pipeline.config.load import Config
from impact_pipeline.config.resource import ConfigResource
from impact_pipeline.warehouse.assets import bars, count_table, lineage, preview, table_metadata
from impact_pipeline.warehouse.cycles import newest_cycle
from impact_pipeline.warehouse.resource import ClockResource, WarehouseResource

CHANGE = dg.AssetKey(["changes", "change"])
_SHOWN = ("change_id", "object", "Id", "kind", "fields", "occurred_at", "detected_at")


def change_asset(declared: Config) -> dg.AssetsDefinition:
    """The asset changes.change, made from the objects that the configuration watches, their histories and lines."""

    @dg.asset(
        key=CHANGE,
        group_name="changes",
        kinds={"duckdb"},
        deps=[dg.AssetKey(["raw", name]) for name in compared_objects(declared)],
        required_resource_keys={"config", "warehouse", "clock"},
        description=(
            "One row per change: a difference of values between two versions of a record, or a passage that its "
            "history tells. A new stamp on equal values is no change, and the first load is a baseline."
        ),
    )
    def change(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        program: ConfigResource = context.resources.config
        warehouse: WarehouseResource = context.resources.warehouse
        clock: ClockResource = context.resources.clock
        config = program.load()
        with warehouse.warehouse().transaction() as con:
            cycle_id = newest_cycle(con)
            counts = find_changes(con, watched_objects(config), cycle_id=cycle_id, now=clock.now())
            shown = table_metadata(con, *CHANGE.path) | lineage(change_lineage(config))
            newest = preview(con, CHANGE.path, _SHOWN)
        found = sorted(counts.by_kind.items())
        return dg.MaterializeResult(
            metadata=shown
            | {
                "cycle_id": cycle_id,
                "changes_found": counts.total,
                "by_kind": count_table(["object", "kind", "count"], [(*key, count) for key, count in found]),
                "chart": bars("Changes by object and kind", [(" ".join(key), count) for key, count in found]),
                "preview": newest,
            }
        )

    return change
