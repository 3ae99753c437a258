"""What all readings of one run share: how to read, the lane that is held, and the way into the warehouse."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

import duckdb
import tenacity

from impact_pipeline.capture.crew import GATHER_SECONDS, READERS
from impact_pipeline.capture.progress import CapturedObject
from impact_pipeline.capture.reading import BULK_FROM_ROWS, ROWS_PER_JOB, ROWS_PER_PIECE, Reader
from impact_pipeline.capture.windows import LAG, OVERLAP
from impact_pipeline.warehouse import lease
from impact_pipeline.warehouse.connection import Warehouse

LEASE_SECONDS = 60.0
# A stretch that a person has read again is committed in parts of about so many rows.
ROWS_PER_REREAD = 200_000

T = TypeVar("T")


class CaptureBusy(RuntimeError):
    """Another run holds the lane, or took it over."""


@dataclass(frozen=True, kw_only=True)
class CaptureOptions:
    """
    How to read; the defaults are right for any org.

    Args:
        bulk_from_rows: a query of at least so many rows becomes a bulk job.
        rows_per_job: a longer query is cut in two.
        rows_per_reread: what is read again beside the cycle is committed in parts of about so many.
        poll_seconds: first pause between two looks at a bulk job.
        wait_seconds: how long another run's lease is waited for; a killed run's ends by itself.
        readers: objects that are read at once.
        gather_seconds: how long pieces wait for others to be committed with.
    """

    lag: timedelta = LAG
    overlap: timedelta = OVERLAP
    rows_per_piece: int = ROWS_PER_PIECE
    bulk_from_rows: int = BULK_FROM_ROWS
    rows_per_job: int = ROWS_PER_JOB
    rows_per_reread: int = ROWS_PER_REREAD
    poll_seconds: float = 1.0
    wait_seconds: float = LEASE_SECONDS + 15
    readers: int = READERS
    gather_seconds: float = GATHER_SECONDS


@dataclass(kw_only=True)
class Held(Generic[T]):
    """
    A lane that is held.

    Args:
        token: of its lease.
        found: in the transaction that took it.
        is_left: it was given back before its end, in a transaction that committed something else as well.
    """

    token: int
    found: T
    is_left: bool = False


@contextmanager
def lane(
    warehouse: Warehouse,
    name: str,
    run_id: str,
    clock: Callable[[], datetime],
    wait_seconds: float,
    look: Callable[[duckdb.DuckDBPyConnection], T],
) -> Iterator[Held[T]]:
    """
    Hold a lane.

    Args:
        look: called in the transaction that takes it; where it raises, the lane is not taken.

    Raises:
        CaptureBusy: another run has held it for `wait_seconds`.
    """

    def acquire() -> Held[T]:
        with warehouse.transaction() as con:
            token = lease.acquire(con, name, run_id, clock(), LEASE_SECONDS)
            if token is not None:
                return Held(token=token, found=look(con))
        raise CaptureBusy(
            f"Another run captured all the {wait_seconds:.0f} s that this one waited. Let it end, or stop it."
        )

    held = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(CaptureBusy),
        wait=tenacity.wait_random_exponential(multiplier=0.2, max=5),
        stop=tenacity.stop_after_delay(wait_seconds),
        reraise=True,
    )(acquire)
    is_left = False
    try:
        yield held
        # After an error it may have been undone.
        is_left = held.is_left
    finally:
        if not is_left:
            with warehouse.transaction() as con:
                lease.release(con, name, run_id, held.token)


@dataclass(frozen=True, kw_only=True)
class Run:
    """
    What all readings of one run share.

    Args:
        lane: capture, or reread beside it.
        held: the lane; every transaction renews its lease.
        reader: asks Salesforce and stages what it answers.
        clock: our own time, UTC.
        on_captured: told of each piece once it is committed.
    """

    warehouse: Warehouse
    run_id: str
    lane: str
    held: Held[Any]
    reader: Reader
    clock: Callable[[], datetime]
    options: CaptureOptions
    on_captured: Callable[[CapturedObject], None]

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A transaction of the run that still holds the lane."""
        with self.warehouse.transaction() as con:
            if not lease.renew(con, self.lane, self.run_id, self.held.token, self.clock(), LEASE_SECONDS):
                raise CaptureBusy(f"Run {self.run_id} took too long and another run captures now; this one stops.")
            yield con

    def leave(self, con: duckdb.DuckDBPyConnection) -> None:
        """
        Give the lane back in the last transaction that needs it, which spares opening the file for that alone.

        Not while a bulk job is there: it is deleted once its rows are committed, and another run would go on with it.
        """
        if not any(self.reader.notes.glob("bulk-*.json")):
            lease.release(con, self.lane, self.run_id, self.held.token)
            self.held.is_left = True
