"""The tables of raw.* as assets: one step reads all objects, since they share one upper bound."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from impact_pipeline.capture.cycle import CycleReport, capture_cycle
from impact_pipeline.capture.objects import expected_objects
from impact_pipeline.capture.progress import CapturedObject
from impact_pipeline.capture.salesforce.errors import SalesforceError
from impact_pipeline.capture.salesforce.resource import SalesforceResource
from impact_pipeline.config.load import Config
from impact_pipeline.config.resource import ConfigResource
from impact_pipeline.warehouse.assets import preview, table_metadata, tag_run
from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline.warehouse.resource import ClockResource, WarehouseResource

# Whose values are whose business is Salesforce's: nothing of a record is shown but its Id.
_SHOWN = ("_version_id", "Id", "_captured_at", "_is_deleted", "_is_first_load")


class CaptureRun(dg.Config):
    """What one run of the capture does besides."""

    reread: list[str] = Field(
        default=[], description="Objects to read in full besides: formula fields move no SystemModstamp."
    )
    sweep: list[str] = Field(
        default=[], description="Objects whose Ids are compared with Salesforce's: finds what left no trace."
    )


def capture_assets(declared: Config) -> dg.AssetsDefinition:
    """raw.<Object> for each object that the configuration needs, as far as names tell it without asking Salesforce."""
    names = expected_objects(declared.capture_set())

    @dg.multi_asset(
        name="capture",
        specs=[
            dg.AssetSpec(
                ["raw", name],
                group_name="capture",
                kinds={"salesforce", "duckdb"},
                skippable=True,
                description=f"{name} of Salesforce: the newest row per Id. Every version is in raw.{name}_version.",
                metadata={"dagster/table_name": f"raw.{name}"},
            )
            for name in names
        ],
        required_resource_keys={"salesforce", "warehouse", "clock", "config"},
    )
    def capture(context: dg.AssetExecutionContext, config: CaptureRun) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]
        """
        Reads from Salesforce what is new of every object, up to one bound.

        A row that is as it was writes nothing. A run that breaks off leaves whole windows; the next goes on there.
        """
        program: ConfigResource = context.resources.config
        salesforce: SalesforceResource = context.resources.salesforce
        warehouse: WarehouseResource = context.resources.warehouse
        clock: ClockResource = context.resources.clock
        current = program.load()
        client = salesforce.client(current.pipeline.capture.quota_share)
        try:
            report = capture_cycle(
                warehouse.warehouse(),
                client,
                current,
                reread=config.reread,
                sweep=config.sweep,
                run_id=context.run.run_id,
                staging=Path(f"{warehouse.path}.staging"),
                clock=clock.now,
                account_sid=program.account_sid,
                campaign_id=program.campaign_id,
                on_captured=lambda captured: context.log.info(_log_line(captured)),
            )
        except SalesforceError as error:
            raise dg.Failure(description=str(error), allow_retries=False) from error
        finally:
            client.close()
        tag_run(context, cycle=report.cycle_id, config=current.hash[:8])
        captured = {captured.object for captured in report.captured}
        tables = _tables(warehouse.warehouse(), [name for name in names if name in captured])
        for name, about in tables.items():
            yield dg.MaterializeResult(asset_key=["raw", name], metadata=about | _metadata(report, name))

    return capture


def _log_line(captured: CapturedObject) -> str:
    return (
        f"{captured.object}: {captured.rows_read} rows read by {captured.method}, {captured.versions_written} versions "
        f"written, up to {captured.cursor.isoformat()}"
    )


def _tables(warehouse: Warehouse, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    with warehouse.reading() as con:
        return {
            name: table_metadata(con, "raw", name) | {"preview": preview(con, ["raw", name], _SHOWN)} for name in names
        }


def _metadata(report: CycleReport, name: str) -> dict[str, dg.MetadataValue]:
    windows = report.of(name)
    last = windows[-1]
    after = last.window_after.isoformat() if last.window_after else "the beginning"
    shown: dict[str, dg.MetadataValue] = {
        "cycle": dg.MetadataValue.text(report.cycle_id),
        "window": dg.MetadataValue.text(f"from {after} until {last.window_until.isoformat()}"),
        "rows read": dg.MetadataValue.int(sum(window.rows_read for window in windows)),
        "versions written": dg.MetadataValue.int(sum(window.versions_written for window in windows)),
        "deletions proven by the log": dg.MetadataValue.int(sum(window.deletes_seen for window in windows)),
        "method": dg.MetadataValue.text(", ".join(sorted({window.method for window in windows}))),
        "first load": dg.MetadataValue.bool(any(window.is_first_load for window in windows)),
        "API calls": dg.MetadataValue.int(sum(window.api_calls for window in windows)),
        "seconds": dg.MetadataValue.float((last.finished_at - windows[0].started_at) / timedelta(seconds=1)),
    }
    if last.quota_used is not None:
        shown["API requests of the org in 24 hours"] = dg.MetadataValue.text(f"{last.quota_used} of {last.quota_max}")
    if last.fields_missing:
        shown["fields missing"] = dg.MetadataValue.text(", ".join(last.fields_missing))
    added = sorted({field for window in windows for field in window.fields_added})
    if added:
        shown["fields added"] = dg.MetadataValue.text(", ".join(added))
    swept = [window for window in windows if window.ids_missing is not None]
    if swept:
        shown["Ids missing in the sweep"] = dg.MetadataValue.int(sum(window.ids_missing or 0 for window in swept))
    return shown
