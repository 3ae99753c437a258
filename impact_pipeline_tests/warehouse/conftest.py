import shutil
from pathlib import Path

import duckdb
import pytest

from impact_pipeline.warehouse.connection import Warehouse


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a new warehouse, migrated once; that takes longer than a test."""
    path = tmp_path_factory.mktemp("warehouse") / "impact_pipeline.duckdb"
    with Warehouse(path=path).transaction():
        pass
    return path


@pytest.fixture
def warehouse(migrated: Path, tmp_path: Path) -> Warehouse:
    return Warehouse(path=Path(shutil.copy(migrated, tmp_path / "impact_pipeline.duckdb")), wait_seconds=30.0)


def one(con: duckdb.DuckDBPyConnection, sql: str) -> object:
    """The only value of the only row."""
    ((value,),) = con.execute(sql).fetchall()
    return value
