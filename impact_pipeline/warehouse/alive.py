"""
Whether a run on this machine still lives, as the kernel knows it: a lock that dies with its process.

A lease says who may act and for how long. This says sooner that its holder was killed, so that the next run need not
wait until the lease expires. A run that left no file (another machine's) is unknown, and its lease is waited out.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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


def _path(warehouse: Path, run_id: str) -> Path:
    return warehouse.with_name(warehouse.name + ".runs") / run_id
