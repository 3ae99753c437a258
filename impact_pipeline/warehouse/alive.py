"""
Whether a run on this machine still lives, as the kernel knows it: a lock that dies with its process.

A lease says who may act and for how long. This says sooner that its holder was killed, so that the next run need not
wait until the lease expires. A run that left no file (another machine's) is unknown, and its lease is waited out.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import duckdb

from impact_pipeline.warehouse import lease


@contextmanager
def living(warehouse: Path, run_id: str) -> Iterator[None]:
    """Show for the time of the block that this process works for `run_id`."""
    path = _path(warehouse, run_id)
    path.parent.mkdir(exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def is_over(warehouse: Path, run_id: str) -> bool:
    """True only where the run's process is known to be gone."""
    path = _path(warehouse, run_id)
    try:
        with path.open("r") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return False
    return True


def take_lane(
    con: duckdb.DuckDBPyConnection, warehouse: Path, lane: str, run_id: str, now: datetime, seconds: float
) -> int | None:
    """The token of the lane's lease, also from a run whose process is known to be gone; None while another holds it."""
    token = lease.acquire(con, lane, run_id, now, seconds)
    if token is None:
        held = con.execute("select run_id from outbox.lease where lane = $lane", {"lane": lane}).fetchone()
        if held is not None and held[0] is not None and is_over(warehouse, held[0]):
            # All lanes that it held: that it is over can be asked only once.
            for other, other_token in con.execute(
                "select lane, token from outbox.lease where run_id = $run_id", {"run_id": held[0]}
            ).fetchall():
                lease.release(con, other, held[0], other_token)
            token = lease.acquire(con, lane, run_id, now, seconds)
    return token


def _path(warehouse: Path, run_id: str) -> Path:
    return warehouse.with_name(warehouse.name + ".runs") / run_id
