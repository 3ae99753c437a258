"""Preflight as an asset check: whether what is queued could leave, and what a next cycle would stumble over."""

from pathlib import Path

import dagster as dg

from impact_pipeline.capture.salesforce.resource import SalesforceResource
from impact_pipeline.config.resource import ConfigResource
from impact_pipeline.outbox.assets import REQUEST
from impact_pipeline.outbox.impact.resource import ImpactResource
from impact_pipeline.preflight.findings import Finding, Verdict
from impact_pipeline.preflight.site import Site
from impact_pipeline.preflight.table import preflight
from impact_pipeline.warehouse.assets import count_table
from impact_pipeline.warehouse.resource import ClockResource, WarehouseResource

# Who looks at it waits for it, and the next one is not far.
ATTEMPTS = 2


@dg.asset_check(
    asset=REQUEST,
    name="preflight",
    required_resource_keys={"config", "warehouse", "salesforce", "impact", "clock"},
    description="Org, rights, fields, program, event types, budgets, warehouse and disk are as a run needs them.",
)
def preflight_check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    config: ConfigResource = context.resources.config
    warehouse: WarehouseResource = context.resources.warehouse
    salesforce: SalesforceResource = context.resources.salesforce
    impact: ImpactResource = context.resources.impact
    clock: ClockResource = context.resources.clock
    site = Site(
        environment=None,
        config_folder=Path(config.folder),
        warehouse_path=Path(warehouse.path),
        account_sid=config.account_sid,
        campaign_id=config.campaign_id,
        salesforce=lambda: salesforce.client(1.0, attempts=ATTEMPTS),
        reader=impact.client,
        writer=lambda: impact.client(reads_with="auth_token"),
        has_reader=bool(impact.read_auth_token),
        clock=clock.now,
    )
    found = list(preflight(site))
    told = [finding for finding in found if finding.verdict in (Verdict.RED, Verdict.AMBER)]
    return dg.AssetCheckResult(
        passed=not told,
        severity=_severity(found),
        description="\n".join(f"{finding.check}: {finding.text} {finding.remedy}" for finding in told) or None,
        metadata={
            "findings": count_table(
                ["check", "verdict", "text", "remedy"],
                [[finding.check, str(finding.verdict), finding.text, finding.remedy] for finding in found],
            )
        },
    )


def _severity(found: list[Finding]) -> dg.AssetCheckSeverity:
    is_grave = any(finding.verdict is Verdict.RED for finding in found)
    return dg.AssetCheckSeverity.ERROR if is_grave else dg.AssetCheckSeverity.WARN
