"""Asset checks of raw.*: what a user should see without reading logs."""

from collections.abc import Iterator

import dagster as dg

from impact_pipeline.capture.complete import compare
from impact_pipeline.capture.health import CHECKS, checks_of, findings
from impact_pipeline.capture.objects import expected_objects
from impact_pipeline.capture.salesforce.errors import SalesforceError
from impact_pipeline.capture.salesforce.resource import SalesforceResource
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


def completeness_checks(declared: Config) -> dg.AssetChecksDefinition:
    """The check `complete` of each object: it asks Salesforce, so it has a schedule of its own."""
    specs = [
        dg.AssetCheckSpec(
            "complete",
            asset=["raw", name],
            description="As many records of each day there as here, and a sample with the same stamps.",
        )
        for name in expected_objects(declared.capture_set())
    ]

    @dg.multi_asset_check(
        name="completeness",
        specs=specs,
        can_subset=True,
        required_resource_keys={"config", "warehouse", "salesforce"},
    )
    def checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        program: ConfigResource = context.resources.config
        salesforce: SalesforceResource = context.resources.salesforce
        resource: WarehouseResource = context.resources.warehouse
        config = program.load()
        options = config.pipeline.capture
        client = salesforce.client(options.quota_share)
        try:
            for key in sorted(context.selected_asset_check_keys, key=lambda each: each.asset_key.path):
                name = key.asset_key.path[-1]
                found = compare(
                    resource.warehouse(), client, name, only=config.capture_filter(name), overlap=options.overlap
                )
                yield dg.AssetCheckResult(
                    asset_key=key.asset_key,
                    check_name=key.name,
                    passed=found is None or found.is_complete,
                    severity=dg.AssetCheckSeverity.ERROR if found and found.is_grave else dg.AssetCheckSeverity.WARN,
                    description="Its first load has not ended." if found is None else found.text,
                    metadata={} if found is None else found.numbers,
                )
        except SalesforceError as error:
            raise dg.Failure(description=str(error), allow_retries=False) from error
        finally:
            client.close()

    return checks
