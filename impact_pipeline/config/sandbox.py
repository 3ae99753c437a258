"""A DuckDB that may touch nothing outside itself, to try what users wrote before it meets their data."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

_lock = threading.Lock()
_connections: list[duckdb.DuckDBPyConnection] = []


@contextmanager
def sandbox() -> Iterator[duckdb.DuckDBPyConnection]:
    """The one connection of this process, in memory; one thread at a time."""
    with _lock:
        if not _connections:
            closed: dict[str, str | bool | int | float | list[str]] = {
                "enable_external_access": "false",
                "lock_configuration": "true",
                "threads": "1",
            }
            _connections.append(duckdb.connect(":memory:", config=closed))
        yield _connections[0]
