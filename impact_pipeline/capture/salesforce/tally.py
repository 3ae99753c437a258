"""How many requests a piece of work costs, also where several run side by side."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(kw_only=True)
class Tally:
    """Requests made in a context, and in the threads that carry it on."""

    calls: int = 0

    def take(self) -> int:
        """The requests since the last time this was asked."""
        calls, self.calls = self.calls, 0
        return calls


_tally: ContextVar[Tally | None] = ContextVar("tally", default=None)


@contextmanager
def counting() -> Iterator[Tally]:
    """Count the requests that are made inside."""
    tally = Tally()
    before = _tally.set(tally)
    try:
        yield tally
    finally:
        _tally.reset(before)


def count_one() -> None:
    """Count a request for whoever counts."""
    tally = _tally.get()
    if tally is not None:
        tally.calls += 1
