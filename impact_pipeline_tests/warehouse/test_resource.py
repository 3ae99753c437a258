from datetime import timedelta
from pathlib import Path

from impact_pipeline.config import environment as env
from impact_pipeline.definitions import definitions_from
from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline.warehouse.resource import ClockResource, WarehouseResource

# Dagster asks pydantic for it where a resource has no field of its own.


def test_the_resource_is_the_warehouse_at_its_path(tmp_path: Path) -> None:
    resource = WarehouseResource(path=str(tmp_path / "x.duckdb"), wait_seconds=5, memory_limit="2GB")

    assert resource.warehouse() == Warehouse(path=tmp_path / "x.duckdb", wait_seconds=5, memory_limit="2GB")


def test_duckdb_uses_no_more_memory_than_the_environment_gives_it(tmp_path: Path) -> None:
    environment = {env.WAREHOUSE: str(tmp_path / "x.duckdb"), env.MEMORY_LIMIT: "512MiB"}

    with definitions_from(environment).resources["warehouse"].warehouse().transaction() as con:
        assert con.execute("select current_setting('memory_limit')").fetchall() == [("512.0 MiB",)]


def test_the_clock_tells_the_time_in_utc() -> None:
    assert ClockResource().now().utcoffset() == timedelta(0)
