"""Opens what commands read from, or say their word in: the warehouse, or for reading the readers' copy of it."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import duckdb

from impact_pipeline.config import environment as env
from impact_pipeline.warehouse.connection import Warehouse, WarehouseLocked, WarehouseMissing
from impact_pipeline.warehouse.publish import readers_path

# A run holds the file for milliseconds at a time; who holds it longer has it open in a shell.
_WAIT_SECONDS = 2.0


@contextmanager
def reading() -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """
    A read-only connection and the file that it reads.

    Raises:
        WarehouseMissing: nothing ran yet.
        WarehouseLocked: somebody holds the warehouse, and there is no readers' copy.
    """
    path = env.warehouse_path(os.environ)
    copy = readers_path(path)
    with ExitStack() as stack:
        try:
            con = stack.enter_context(Warehouse(path=path).reading(wait_seconds=_WAIT_SECONDS))
        except WarehouseLocked:
            if not copy.exists():
                raise
            path, con = copy, stack.enter_context(Warehouse(path=copy).reading(wait_seconds=_WAIT_SECONDS))
        yield con, path


def existing() -> Warehouse:
    """The warehouse of this environment. Raises WarehouseMissing where no run has made it yet."""
    path = env.warehouse_path(os.environ)
    if not path.exists():
        raise WarehouseMissing(f"{path} does not exist yet; the first run makes it: impact-pipeline run.")
    return Warehouse(path=path)
