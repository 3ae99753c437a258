"""The time that both simulators tell: it moves only when somebody moves it, or runs along with the real one."""

import threading
from datetime import UTC, datetime, timedelta


class Clock:
    """
    A clock in UTC, safe to share between threads.

    Args:
        start: the time to stand at; None follows the machine's own clock, which then can't be moved.
    """

    def __init__(self, start: datetime | None = None) -> None:
        if start is not None and start.tzinfo is None:
            raise ValueError(f"start={start!r} has no time zone; pass an aware datetime in UTC.")
        self._lock = threading.Lock()
        self._now = start

    def now(self) -> datetime:
        with self._lock:
            return self._now if self._now is not None else datetime.now(UTC)

    def move_to(self, moment: datetime) -> None:
        """Set the time. Raises ValueError where that would run backwards or the clock follows the machine's."""
        with self._lock:
            if self._now is None:
                raise ValueError("this clock follows the machine's own time and can't be moved.")
            if moment < self._now:
                raise ValueError(f"{moment.isoformat()} lies before {self._now.isoformat()}: time doesn't run back.")
            self._now = moment

    def advance(self, by: timedelta) -> None:
        self.move_to(self.now() + by)

    def follow(self) -> None:
        """From now on tell the machine's own time. Raises ValueError where that would run backwards."""
        with self._lock:
            if self._now is not None and self._now > datetime.now(UTC):
                raise ValueError(f"{self._now.isoformat()} lies in the future: time doesn't run back.")
            self._now = None
