"""
Several readers and one writer: what threads read from the network, one thread commits, several pieces at a time.

Opening and committing costs the same whatever is in it, so what arrives within a moment is committed together; and
while a piece is being committed, the next ones are on their way. The pieces of one job are committed in their order.
"""

import contextvars
import queue
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

READERS = 4
GATHER_SECONDS = 1.0
GATHER_BYTES = 8 * 1024 * 1024
_POLL_SECONDS = 0.1


class Sized(Protocol):
    """Something of so many bytes."""

    @property
    def byte_count(self) -> int: ...


T = TypeVar("T", bound=Sized)


@dataclass(frozen=True, kw_only=True)
class Crew:
    """
    How the work is shared out.

    Args:
        readers: jobs that are read at once.
        gather_seconds: how long after the first piece others are waited for that are committed with it.
        gather_bytes: enough for a commit of its own; what one commit takes has to fit in memory.
    """

    readers: int = READERS
    gather_seconds: float = GATHER_SECONDS
    gather_bytes: int = GATHER_BYTES

    def work(self, jobs: Sequence[Callable[[], Generator[T]]], commit: Callable[[list[T]], None]) -> None:
        """
        Read all jobs and commit their pieces.

        Args:
            jobs: each called once, in a thread of its own; a generator of pieces.
            commit: called in this thread with pieces in the order of arrival.

        Raises:
            Exception: the first one of a job, once what had arrived before it is committed; or the one of `commit`.
        """
        if not jobs:
            return
        line = _Line[T](size=2 * self.readers)
        with ThreadPoolExecutor(max_workers=self.readers, thread_name_prefix="capture") as pool:
            try:
                for job in jobs:
                    pool.submit(contextvars.copy_context().run, line.fill, job)
                while not line.is_over(len(jobs)):
                    gathered = self._gather(line, len(jobs))
                    if gathered:
                        commit(gathered)
            finally:
                line.given_up.set()
        if line.error is not None:
            raise line.error

    def _gather(self, line: "_Line[T]", job_count: int) -> list[T]:
        gathered: list[T] = []
        size, deadline = 0, None
        while size < self.gather_bytes and not line.is_over(job_count):
            wait = None if deadline is None else max(0.0, deadline - time.monotonic())
            try:
                arrived = line.next(wait)
            except queue.Empty:
                break
            if arrived is not None:
                gathered.append(arrived)
                size += arrived.byte_count
                deadline = deadline or time.monotonic() + self.gather_seconds
        return gathered


@dataclass(kw_only=True)
class _Line(Generic[T]):
    """Pieces on their way from the readers to the writer; a reader waits while `size` of them are."""

    size: int
    given_up: threading.Event = field(default_factory=threading.Event)
    error: BaseException | None = None
    _ended: int = 0

    def __post_init__(self) -> None:
        self._pieces: queue.Queue[T | BaseException | None] = queue.Queue(maxsize=self.size)

    def fill(self, job: Callable[[], Generator[T]]) -> None:
        """What a reader does."""
        end: BaseException | None = None
        try:
            if not self.given_up.is_set():
                with closing(job()) as pieces:
                    for piece in pieces:
                        if not self._put(piece):
                            break
        except BaseException as error:  # noqa: BLE001 - handed to the writer, which raises it
            end = error
        self._put(end)

    def next(self, wait_seconds: float | None) -> T | None:
        """The next piece, or None where a job has ended; raises queue.Empty after the wait."""
        arrived = self._pieces.get(timeout=wait_seconds)
        if arrived is not None and not isinstance(arrived, BaseException):
            return arrived
        self._ended += 1
        if arrived is not None:
            self.error = self.error or arrived
            self.given_up.set()
        return None

    def is_over(self, job_count: int) -> bool:
        """Whether nothing is to come that should be committed."""
        return self._ended == job_count or self.error is not None

    def _put(self, thing: T | BaseException | None) -> bool:
        while True:
            try:
                self._pieces.put(thing, timeout=_POLL_SECONDS)
            except queue.Full:
                if self.given_up.is_set():
                    return False
            else:
                return True
