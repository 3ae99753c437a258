"""Opens what commands read from, or say their word in: the warehouse, or for reading the readers' copy of it."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import duckdb

from impact_pipeline.config import environment as env
from impact_pipeline.warehouse.connection import Warehouse, WarehouseLocked, WarehouseMissing
from impact_pipeline.warehouse.publish import readers_path

# A run holds the file for milliseconds at a time; who holds it longer has it open in a shell.
_WAIT_SECONDS = 2.0


def warehouse_of(environment: Mapping[str, str], *, wait_seconds: float = 60.0) -> Warehouse:
    """
    The warehouse that the environment names, with the memory that it gives DuckDB; the first run makes the file.

    Raises:
        MissingVariable: what it gives is no amount of memory.
    """
    return Warehouse(
        path=env.warehouse_path(environment),
        wait_seconds=wait_seconds,
        memory_limit=env.memory_limit(environment),
    )


@contextmanager
def reading() -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """
    A read-only connection and the file that it reads.

    Raises:
        WarehouseMissing: nothing ran yet.
        WarehouseLocked: somebody holds the warehouse, and there is no readers' copy.
    """
    warehouse = warehouse_of(os.environ)
    path, copy = warehouse.path, readers_path(warehouse.path)
    with ExitStack() as stack:
        try:
            con = stack.enter_context(warehouse.reading(wait_seconds=_WAIT_SECONDS))
        except WarehouseLocked:
            if not copy.exists():
                raise
            path, con = copy, stack.enter_context(replace(warehouse, path=copy).reading(wait_seconds=_WAIT_SECONDS))
        yield con, path


def existing() -> Warehouse:
    """The warehouse of this environment. Raises WarehouseMissing where no run has made it yet."""
    warehouse = warehouse_of(os.environ)
    if not warehouse.path.exists():
        raise WarehouseMissing(f"{warehouse.path} does not exist yet; the first run makes it: impact-pipeline run.")
    return warehouse
