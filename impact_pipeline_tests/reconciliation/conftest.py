import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline_tests.reconciliation.builders import Rows


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a new warehouse, migrated once; that takes longer than a test."""
    path = tmp_path_factory.mktemp("warehouse") / "impact_pipeline.duckdb"
    with Warehouse(path=path).transaction():
        pass
    return path


@pytest.fixture
def warehouse(migrated: Path, tmp_path: Path) -> Warehouse:
    return Warehouse(path=Path(shutil.copy(migrated, tmp_path / "impact_pipeline.duckdb")))


@pytest.fixture
def rows(warehouse: Warehouse) -> Iterator[Rows]:
    """The tables of a new warehouse, open in one transaction."""
    with warehouse.transaction() as con:
        yield Rows(con)
