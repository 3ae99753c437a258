"""How many requests run at once: fewer as soon as Salesforce says that there are too many, more again with time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

MOST = 8
# After so many answers in a row for each request at once, one more is tried.
_GROW_AFTER = 10


class Slots:
    """
    A bound on requests at once that follows what the org bears; shared by all threads of a client.

    Args:
        most: what is allowed at the beginning and at most.
    """

    def __init__(self, most: int = MOST) -> None:
        self._changed = threading.Condition()
        self._most = most
        self._allowed = most
        self._used = 0
        self._answers = 0

    @property
    def allowed(self) -> int:
        """Requests that may run at once now."""
        return self._allowed

    @contextmanager
    def one(self) -> Iterator[None]:
        """Room for one request; waited for."""
        with self._changed:
            self._changed.wait_for(lambda: self._used < self._allowed)
            self._used += 1
        try:
            yield
        finally:
            with self._changed:
                self._used -= 1
                self._changed.notify_all()

    def answered(self) -> None:
        """A request was answered."""
        with self._changed:
            self._answers += 1
            if self._answers >= _GROW_AFTER * self._allowed and self._allowed < self._most:
                self._allowed, self._answers = self._allowed + 1, 0
                self._changed.notify_all()

    def too_many(self) -> None:
        """Salesforce says that too many requests run at once."""
        with self._changed:
            self._allowed, self._answers = max(1, self._allowed // 2), 0
