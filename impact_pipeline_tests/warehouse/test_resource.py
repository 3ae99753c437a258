from datetime import timedelta
from pathlib import Path

from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline.warehouse.resource import ClockResource, WarehouseResource

# Dagster asks pydantic for it where a resource has no field of its own.


def test_the_resource_is_the_warehouse_at_its_path(tmp_path: Path) -> None:
    resource = WarehouseResource(path=str(tmp_path / "x.duckdb"), wait_seconds=5)

    assert resource.warehouse() == Warehouse(path=tmp_path / "x.duckdb", wait_seconds=5)


def test_the_clock_tells_the_time_in_utc() -> None:
    assert ClockResource().now().utcoffset() == timedelta(0)
