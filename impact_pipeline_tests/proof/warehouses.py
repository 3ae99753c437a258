"""Warehouse files for episodes: a migrated one is copied, in memory where the machine allows that."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline_tests.planning import plan_little

_IN_MEMORY = Path("/dev/shm")  # noqa: S108


@contextmanager
def warehouse_folder() -> Iterator[Path]:
    """A folder for the files of episodes, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="proof_", dir=_IN_MEMORY if _IN_MEMORY.is_dir() else None) as folder:
        yield Path(folder)


class Warehouses:
    """A migrated file in the folder, and a copy of it for each episode."""

    def __init__(self, folder: Path) -> None:
        self._folder = Path(tempfile.mkdtemp(dir=folder))
        self._template = self._folder / "template.duckdb"
        with Warehouse(path=self._template, threads=1).transaction() as con:
            con.execute("alter table conversions.conversion add column OrderSubTotalPostDiscount varchar")

    @contextmanager
    def fresh(self, *, is_kept: bool, is_planned_well: bool) -> Iterator[tuple[Path, duckdb.DuckDBPyConnection | None]]:
        """
        A warehouse of its own, and a connection that stays open while it is used, if `is_kept`.

        Args:
            is_planned_well: whether that connection looks for good plans.
        """
        folder = self._folder / "episode"
        folder.mkdir()
        kept = None
        try:
            file = Path(shutil.copyfile(self._template, folder / "impact_pipeline.duckdb"))
            if is_kept:
                kept = duckdb.connect(str(file), config={"threads": 1})
                kept.execute("set TimeZone = 'UTC'")
                if not is_planned_well:
                    plan_little(kept)
            yield file, kept
        finally:
            if kept is not None:
                kept.close()
            shutil.rmtree(folder)
