"""Opens the warehouse file: late, for one short transaction, and closes it again. Nothing else opens it."""

import os
import random
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from impact_pipeline.warehouse.migrations import migrate

SCHEMAS = ("raw", "changes", "conversions", "outbox", "audit", "reconciliation", "warehouse")
_LOCK_TEXT = "Could not set lock on file"
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.02, 0.5
# DuckDB refuses a second connection of one process with another configuration, so threads take turns.
_turns: dict[Path, threading.RLock] = {}
_turns_guard = threading.Lock()


class WarehouseError(Exception):
    """The warehouse file cannot be used as it is; the message names the file and the remedy."""


class WarehouseLocked(WarehouseError):
    """Another process held the file longer than we were willing to wait."""


class WarehouseMissing(WarehouseError):
    """There is no file yet, and reading does not make one."""


@dataclass(frozen=True, kw_only=True)
class Warehouse:
    """
    The DuckDB file of one Salesforce org and one impact.com program.

    Args:
        path: the file; made with its tables at the first transaction.
        wait_seconds: how long another process's lock is waited for.
        memory_limit: DuckDB's bound; beyond it, it spills beside the file.
    """

    path: Path
    wait_seconds: float = 60.0
    threads: int = 2
    memory_limit: str = "1GB"

    def __post_init__(self) -> None:
        if self.path.stem in SCHEMAS:
            raise WarehouseError(f"{self.path}: a warehouse file can't be named like one of our schemas; rename it.")

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection inside a transaction, committed at the end and rolled back on any error; closed in both cases."""
        with self._turn(), self._open(read_only=False, wait_seconds=self.wait_seconds) as con:
            migrate(con)
            con.begin()
            try:
                yield con
            except BaseException:
                con.rollback()
                raise
            con.commit()

    @contextmanager
    def reading(self, wait_seconds: float | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
        """A read-only connection. Raises WarehouseMissing where there is no file."""
        if not self.path.exists():
            raise WarehouseMissing(f"{self.path} does not exist yet; the first run makes it: impact-pipeline run.")
        wait = self.wait_seconds if wait_seconds is None else wait_seconds
        with self._turn(), self._open(read_only=True, wait_seconds=wait) as con:
            yield con

    @contextmanager
    def _turn(self) -> Iterator[None]:
        with _turns_guard:
            turn = _turns.setdefault(self.path.resolve(), threading.RLock())
        with turn:
            yield

    @contextmanager
    def _open(self, *, read_only: bool, wait_seconds: float) -> Iterator[duckdb.DuckDBPyConnection]:
        con = self._connect(read_only=read_only, wait_seconds=wait_seconds)
        try:
            con.execute("set TimeZone = 'UTC'")
            yield con
        finally:
            con.close()

    def _connect(self, *, read_only: bool, wait_seconds: float) -> duckdb.DuckDBPyConnection:
        if not self.path.parent.is_dir():
            raise WarehouseError(f"{self.path.parent} does not exist; make it, or set IMPACT_PIPELINE_WAREHOUSE.")
        deadline = time.monotonic() + wait_seconds
        pause = _SHORTEST_PAUSE
        while True:
            try:
                return self._try(read_only=read_only)
            except duckdb.IOException as error:
                if _LOCK_TEXT not in str(error):
                    raise WarehouseError(f"{self.path} can't be opened: {str(error).splitlines()[0]}") from error
                if time.monotonic() >= deadline:
                    raise WarehouseLocked(_locked(self.path, str(error), wait_seconds)) from error
            time.sleep(min(pause * random.uniform(0.5, 1.5), max(0.0, deadline - time.monotonic())))  # noqa: S311
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _try(self, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        config: dict[str, str | bool | int | float | list[str]] = {
            "threads": self.threads,
            "memory_limit": self.memory_limit,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "temp_directory": f"{self.path}.tmp",
        }
        if int(duckdb.__version__.split(".")[0]) >= 2:
            config["storage_compatibility_version"] = "v1.5.0"
        is_new = not self.path.exists()
        con = duckdb.connect(str(self.path), read_only=read_only, config=config)
        if is_new:
            os.chmod(self.path, 0o600)
        return con


def _locked(path: Path, text: str, wait_seconds: float) -> str:
    holder = re.search(r"PID (\d+)", text)
    who = f"process {holder.group(1)}" if holder else "another process"
    return (
        f"{path} is held by {who} (waited {wait_seconds:.0f} s). Close the notebook or shell that has it open, or let it "
        f"read {path.with_name('readers.duckdb')} instead."
    )
