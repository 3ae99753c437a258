"""Asset checks of raw.*: what a user should see without reading logs."""

from collections.abc import Iterator

import dagster as dg

from impact_pipeline.capture.objects import expected_objects
from impact_pipeline.config.load import Config
from impact_pipeline.config.resource import ConfigResource
from impact_pipeline.warehouse.resource import WarehouseResource
from impact_pipeline.warehouse.sql import sql_file


def capture_checks(config: Config) -> dg.AssetChecksDefinition:
    """The checks of all objects that the configuration captures, in one op that reads one table."""
    names = expected_objects(config.capture_set())
    specs = [
        spec
        for name in names
        for spec in (
            dg.AssetCheckSpec(
                "fields_there", asset=["raw", name], description="describe lists every field that the config names."
            ),
            dg.AssetCheckSpec(
                "cursor_is_honest",
                asset=["raw", name],
                blocking=True,
                description="No window moved the cursor back or ahead of what it had read.",
            ),
            dg.AssetCheckSpec(
                "quota_left", asset=["raw", name], description="The org has requests of its 24 hours left for us."
            ),
        )
    ]

    @dg.multi_asset_check(name="capture_checks", specs=specs, required_resource_keys={"config", "warehouse"})
    def checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        program: ConfigResource = context.resources.config
        warehouse: WarehouseResource = context.resources.warehouse
        share = program.load().pipeline.capture.quota_share
        with warehouse.warehouse().reading() as con:
            rows = con.execute(sql_file(__file__, "extraction_checks.sql")).fetchall()
        told = {name: facts for name, *facts in rows}
        for name in names:
            missing, dishonest, used, most = told.get(name, ([], 0, None, None))
            yield dg.AssetCheckResult(
                asset_key=["raw", name],
                check_name="fields_there",
                passed=not missing,
                severity=dg.AssetCheckSeverity.WARN,
                description=_missing_text(name, missing),
            )
            yield dg.AssetCheckResult(
                asset_key=["raw", name],
                check_name="cursor_is_honest",
                passed=not dishonest,
                severity=dg.AssetCheckSeverity.ERROR,
                description=f"{dishonest} rows of audit.extraction move the cursor of {name} back or too far.",
            )
            yield dg.AssetCheckResult(
                asset_key=["raw", name],
                check_name="quota_left",
                passed=not most or used < share * most,
                severity=dg.AssetCheckSeverity.WARN,
                description=f"{used} of {most} requests used; we stop at {share:.0%}." if most else "Not told yet.",
            )

    return checks


def _missing_text(name: str, missing: list[str]) -> str:
    if not missing:
        return "None is missing."
    return (
        f"{name} doesn't show {', '.join(missing)}: removed, renamed, or hidden from the integration user by "
        "field-level security. Their last values stay and are not compared."
    )
