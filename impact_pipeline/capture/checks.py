"""Asset checks of raw.*: what a user should see without reading logs."""

from collections.abc import Iterator

import dagster as dg

from impact_pipeline.capture.health import CHECKS, checks_of, findings
from impact_pipeline.capture.objects import expected_objects
from impact_pipeline.config.load import Config
from impact_pipeline.config.resource import ConfigResource
from impact_pipeline.warehouse.resource import ClockResource, WarehouseResource


def capture_checks(declared: Config) -> dg.AssetChecksDefinition:
    """The checks of all objects that the configuration captures, in one op that reads tables only."""
    names = expected_objects(declared.capture_set())
    specs = [
        dg.AssetCheckSpec(check, asset=["raw", name], description=CHECKS[check].about, blocking=CHECKS[check].stops)
        for name in names
        for check in checks_of(name, declared.lines())
    ]

    @dg.multi_asset_check(name="capture_checks", specs=specs, required_resource_keys={"config", "warehouse", "clock"})
    def checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        program: ConfigResource = context.resources.config
        warehouse: WarehouseResource = context.resources.warehouse
        clock: ClockResource = context.resources.clock
        share = program.load().pipeline.capture.quota_share
        with warehouse.warehouse().reading() as con:
            found = list(findings(con, names, lines=declared.lines(), quota_share=share, now=clock.now()))
        for finding in found:
            yield dg.AssetCheckResult(
                asset_key=["raw", finding.object],
                check_name=finding.check,
                passed=finding.passed,
                severity=dg.AssetCheckSeverity.ERROR if finding.is_grave else dg.AssetCheckSeverity.WARN,
                description=finding.text,
            )

    return checks
