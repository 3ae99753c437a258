"""The warehouse and the time, as Dagster resources."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from pydantic import Field

from impact_pipeline.warehouse.connection import Warehouse


class WarehouseResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The DuckDB file."""

    path: str = Field(description="The warehouse file; made at the first run.")
    wait_seconds: float = Field(default=60.0, description="How long another process's lock is waited for.")
    memory_limit: str = Field(default="1GB", description="Memory that DuckDB may use; beyond it, it spills.")

    def warehouse(self) -> Warehouse:
        return Warehouse(path=Path(self.path), wait_seconds=self.wait_seconds, memory_limit=self.memory_limit)


class ClockResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The time that waits are counted by: the machine's own."""

    def now(self) -> datetime:
        return datetime.now(UTC)
