"""
Opens the warehouse file: late, for one short transaction, and closes it again. Nothing else opens it.

DuckDB lets one process write and nobody else read meanwhile. So a hold is short, another process's lock is waited for,
and the threads of one process take turns: DuckDB refuses them a second connection with another configuration.
"""

import random
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from shutil import copyfile

import duckdb

from impact_pipeline.warehouse.errors import WarehouseError, WarehouseLocked, WarehouseMissing
from impact_pipeline.warehouse.files import owner_only, temporary_beside
from impact_pipeline.warehouse.migrations import check, migrate

__all__ = ["READERS", "SCHEMAS", "Warehouse", "WarehouseError", "WarehouseLocked", "WarehouseMissing"]

SCHEMAS = ("raw", "changes", "conversions", "outbox", "audit", "reconciliation", "warehouse")
READERS = "readers.duckdb"
# DuckDB names the catalogue after the file, and `raw.x` may then mean the one or the other. `published` is what the
# readers' copy is called while it is being written.
_TAKEN_NAMES = (*SCHEMAS, "published")
_LOCK_TEXT = "IO Error: Could not set lock on file"
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.02, 0.5
# DuckDB 2 would write new files in a form that DuckDB 1.5 can't open.
_FORMAT = {"storage_compatibility_version": "v1.5.0"} if int(duckdb.__version__.split(".")[0]) >= 2 else {}
# What DuckDB says, in any of its errors at opening, and what we say.
_REMEDIES = (
    (
        "newer version of DuckDB",
        f"was written by a newer DuckDB than {duckdb.__version__}. Install that one: pip install --upgrade duckdb.",
    ),
    (
        "not a valid DuckDB database file",
        "is no DuckDB file. Move it away, or set IMPACT_PIPELINE_WAREHOUSE to another one.",
    ),
    ("Permission denied", "can't be written by this user. Change the owner of the file and its folder."),
    ("Read-only file system", "lies on a read-only file system. Set IMPACT_PIPELINE_WAREHOUSE to another place."),
    ("different configuration", "is open in this very process by other means. Close that connection first."),
)


@dataclass(frozen=True, kw_only=True)
class Warehouse:
    """
    The DuckDB file of one Salesforce org and one impact.com program.

    Args:
        path: the file; made with its tables at the first transaction, in a folder that exists.
        wait_seconds: how long another process, or another thread of this one, is waited for.
        threads: DuckDB's.
        memory_limit: DuckDB's bound; beyond it, it spills beside the file.
    """

    path: Path
    wait_seconds: float = 60.0
    threads: int = 2
    memory_limit: str = "1GB"

    def __post_init__(self) -> None:
        taken = self.path.resolve().name.removeprefix(".").split(".")[0].lower()
        if taken in _TAKEN_NAMES:
            raise WarehouseError(
                f"{self.path}: a warehouse file can't be named like a schema ({taken}), or DuckDB can't tell them "
                "apart. Rename the file, or set IMPACT_PIPELINE_WAREHOUSE."
            )

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """
        A connection inside a transaction: committed at the end, undone on any error, closed in both cases.

        Raises:
            WarehouseLocked: after `wait_seconds`; names who holds the file.
            WarehouseError: the file can't be used.
        """
        self._must_be_the_warehouse()
        with self._hold(read_only=False, wait_seconds=self.wait_seconds) as con:
            migrate(con)
            con.begin()
            yield con
            # Closing without this undoes everything; so does the end of the process.
            con.commit()

    @contextmanager
    def rehearsal(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """
        A connection inside a transaction that is always undone: what would happen, without a trace. Others wait.

        Raises:
            WarehouseMissing, WarehouseLocked, WarehouseError: as in `reading`.
        """
        self._must_be_the_warehouse()
        self._must_exist()
        with self._hold(read_only=False, wait_seconds=self.wait_seconds) as con:
            check(con)
            con.begin()
            try:
                yield con
            finally:
                con.rollback()

    @contextmanager
    def copied(self) -> Iterator["Warehouse"]:
        """
        A copy of the file beside it, gone at the end, for work that would hold the file for long.

        Others wait only while it is copied. It needs as much room on the disk once more.

        Raises:
            WarehouseMissing, WarehouseLocked, WarehouseError: as in `reading`.
        """
        self._must_be_the_warehouse()
        self._must_exist()
        file = self.path.resolve()
        with temporary_beside(file) as temporary:
            with self._hold(read_only=True, wait_seconds=self.wait_seconds) as con:
                check(con)
                copyfile(file, temporary)
                # What a killed process has committed and not yet moved into the file.
                with suppress(FileNotFoundError):
                    copyfile(f"{file}.wal", f"{temporary}.wal")
            yield replace(self, path=temporary)

    @contextmanager
    def reading(self, wait_seconds: float | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
        """
        A read-only connection, while other processes may read, too.

        Raises:
            WarehouseMissing: there is no file yet.
            WarehouseLocked, WarehouseError: as in `transaction`.
        """
        self._must_exist()
        wait_seconds = self.wait_seconds if wait_seconds is None else wait_seconds
        with self._hold(read_only=True, wait_seconds=wait_seconds) as con:
            check(con)
            yield con

    def _must_exist(self) -> None:
        if not self.path.exists():
            raise WarehouseMissing(f"{self.path} does not exist yet; the first run makes it: impact-pipeline run.")

    def _must_be_the_warehouse(self) -> None:
        if self.path.name == READERS:
            raise WarehouseError(
                f"{self.path} is the readers' copy, made anew at every publish. Set IMPACT_PIPELINE_WAREHOUSE to the "
                "warehouse itself."
            )

    @contextmanager
    def _hold(self, *, read_only: bool, wait_seconds: float) -> Iterator[duckdb.DuckDBPyConnection]:
        deadline = time.monotonic() + wait_seconds
        with self._turn(wait_seconds), owner_only():
            con = self._connect(read_only=read_only, deadline=deadline, wait_seconds=wait_seconds)
            try:
                con.execute("set TimeZone = 'UTC'")
                yield con
            finally:
                con.close()

    @contextmanager
    def _turn(self, wait_seconds: float) -> Iterator[None]:
        with _turns_guard:
            turn = _turns.setdefault(self.path.resolve(), _Turn())
        if turn.thread == threading.get_ident():
            raise RuntimeError(f"{self.path} is already open in this thread; pass that connection on.")
        if not turn.lock.acquire(timeout=wait_seconds):
            raise WarehouseLocked(f"{self.path} is held by another thread of this process (waited {wait_seconds:g} s).")
        turn.thread = threading.get_ident()
        try:
            yield
        finally:
            turn.thread = None
            turn.lock.release()

    def _connect(self, *, read_only: bool, deadline: float, wait_seconds: float) -> duckdb.DuckDBPyConnection:
        file = self.path.resolve()
        if not file.parent.is_dir():
            raise WarehouseError(f"{file.parent} does not exist. Make the folder, or set IMPACT_PIPELINE_WAREHOUSE.")
        pause = _SHORTEST_PAUSE
        while True:
            try:
                if not read_only and not file.exists():
                    self._make(file)
                return self._open(file, read_only=read_only)
            except duckdb.Error as error:
                if not str(error).startswith(_LOCK_TEXT):
                    raise WarehouseError(f"{self.path} {_remedy(str(error))}") from error
                if time.monotonic() >= deadline:
                    raise WarehouseLocked(_locked(self.path, str(error), wait_seconds)) from error
            except OSError as error:
                raise WarehouseError(f"{self.path} can't be made: {error.strerror}.") from error
            time.sleep(min(pause * random.uniform(0.5, 1.5), max(0.0, deadline - time.monotonic())))  # noqa: S311
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _make(self, file: Path) -> None:
        """The file with its tables. It appears whole, so that a crash leaves nothing that could not be opened."""
        with temporary_beside(file) as temporary:
            con = self._open(temporary, read_only=False)
            try:
                migrate(con)
            finally:
                con.close()
            # Linking, not renaming: another process may have made the file meanwhile, and then that one is it.
            with suppress(FileExistsError):
                file.hardlink_to(temporary)

    def _open(self, file: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        config: dict[str, str | bool | int | float | list[str]] = {
            "threads": self.threads,
            "memory_limit": self.memory_limit,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "temp_directory": f"{file}.tmp",
            # Up to so many keys a join tells the scan which rows it is after; with more, whole columns are unpacked.
            "dynamic_or_filter_threshold": 1000,
            **_FORMAT,
        }
        return duckdb.connect(str(file), read_only=read_only, config=config)


@dataclass(kw_only=True)
class _Turn:
    """Whose turn it is among the threads of this process."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    thread: int | None = None


_turns: dict[Path, _Turn] = {}
_turns_guard = threading.Lock()


def _remedy(text: str) -> str:
    for said, remedy in _REMEDIES:
        if said in text:
            return remedy
    return f"can't be opened: {text.splitlines()[0]}"


def _locked(path: Path, text: str, wait_seconds: float) -> str:
    holder = re.search(r"Conflicting lock is held in .*?PID (\d+)", text)
    who = f"process {holder.group(1)}" if holder else "another process"
    return (
        f"{path} is held by {who} (waited {wait_seconds:g} s). Close the notebook or shell that has it open, or let it "
        f"read {path.with_name(READERS)} instead."
    )
