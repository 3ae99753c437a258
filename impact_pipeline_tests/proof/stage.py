"""
Runs on a stage: each in a thread of its own, of which only one moves at a time, as far as its next boundary.

Who moves, dies or sleeps next is decided outside, so that one seed gives one order of everything. A run that died is
unwound at once, but its hands do nothing any more: for the world it ends at the boundary where it was, as by kill -9.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import Any


class Crash(BaseException):
    """The process of a run is gone. Of a kind that no code of the pipeline may swallow and go on."""


class Cancelled(BaseException):
    """Somebody cancels the run: its code may still clean up."""


class Stuck(Exception):
    """Every run waits for something that will not come."""


class Run:
    """
    One run of a job on the stage.

    Attributes:
        at: the boundary at which it stands.
        tasks: what it gave to its pool and nobody has begun; width: how many of them may be under way at once.
        frozen: it gets no turn until somebody wakes it.
        leases: the newest lease of its lane at each of its commits that may have changed something.
        newest_move: the last one of its own at its last commit.
        error: what it ended with, crashes and cancellations included; None while it lives or where it ended well.
    """

    def __init__(self, stage: "Stage", name: str, kind: str, work: Callable[[], object]) -> None:
        self.stage, self.name, self.kind = stage, name, kind
        self.at = "start"
        self.tasks: list[Callable[[], None]] = []
        self.width = 1
        self.frozen = self.is_dead = self.is_over = False
        self.leases: set[object] = set()
        self.newest_move: object = None
        self.result: object = None
        self.error: BaseException | None = None
        self._until: Callable[[], bool] | None = None
        self._injected: BaseException | None = None
        self._go = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._live, args=(work,), name=name, daemon=True)

    @property
    def can_move(self) -> bool:
        return not self.is_over and (self._until is None or self._until())

    @property
    def holds_file(self) -> bool:
        return self.stage.holder is self

    def move(self) -> None:
        """Let it go on to its next boundary, or to its end."""
        if not self._thread.ident:
            self._thread.start()
        self._hand_over()

    def perform(self, index: int) -> None:
        """Let its pool do one of the waiting tasks."""
        task = self.tasks.pop(index)
        self.stage.acting, self.stage.is_performing = self, True
        try:
            task()
        finally:
            self.stage.acting, self.stage.is_performing = None, False

    def die(self) -> None:
        """Its process is killed where it stands."""
        self.is_dead = True
        self.tasks.clear()
        self._end_with(Crash(f"{self.name} at {self.at}"))

    def cancel(self) -> None:
        """It is interrupted where it stands and may clean up."""
        self._until, self._injected = None, Cancelled(f"{self.name} at {self.at}")

    def pause(self, boundary: str, until: Callable[[], bool] | None = None) -> None:
        """Called by the run itself: stand still at the boundary until it is its turn again."""
        self.at, self._until = boundary, until
        self.stage.turn.release()
        self._go.acquire()
        self._until = None
        if self._injected is not None:
            injected, self._injected = self._injected, None
            raise injected

    def _end_with(self, error: BaseException) -> None:
        self._injected, self._until = error, None
        if self._thread.ident is None:
            self.is_over, self.error = True, error
        while not self.is_over:
            self._hand_over()

    def _hand_over(self) -> None:
        self.stage.acting = self
        self._go.release()
        self.stage.turn.acquire()
        self.stage.acting = None
        if self.is_over:
            self._thread.join()

    def _live(self, work: Callable[[], object]) -> None:
        self._go.acquire()
        try:
            if self._injected is not None:
                raise self._injected
            self.result = work()
        except BaseException as error:  # noqa: BLE001 - whoever moves the run looks at how it ended
            self.error = error
        self.is_over = True
        self.stage.turn.release()


class Stage:
    """All runs of an episode, and the one that moves."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.acting: Run | None = None
        self.is_performing = False
        self.turn = threading.Semaphore(0)
        self.holder: Run | None = None

    def begin(self, name: str, kind: str, work: Callable[[], object]) -> Run:
        run = Run(self, name, kind, work)
        self.runs.append(run)
        return run

    @property
    def living(self) -> list[Run]:
        return [run for run in self.runs if not run.is_over]

    def pause(self, boundary: str, until: Callable[[], bool] | None = None) -> None:
        """A boundary in the code of whatever moves; tasks of a pool and the episode's own doings pass it."""
        self.check()
        if self.acting is not None and not self.is_performing:
            self.acting.pause(boundary, until)
            self.check()

    def check(self) -> None:
        """Raises Crash in the hands of the dead."""
        if self.acting is not None and self.acting.is_dead:
            raise Crash(self.acting.name)

    @property
    def file_is_held(self) -> bool:
        return self.holder is not None

    @contextmanager
    def file(self) -> Iterator[None]:
        """The warehouse file, which one process at a time can hold; others wait."""
        self.pause("before the transaction", until=lambda: self.holder is None)
        self.holder = self.acting
        try:
            yield
        finally:
            self.holder = None

    def finish(self, run: Run) -> None:
        """Move one run to its end, or until it falls asleep; its pool first come, first served."""
        while not run.is_over and not run.frozen:
            if run.can_move:
                run.move()
            elif run.tasks:
                run.perform(0)
            else:
                raise Stuck(f"{run.name} waits at {run.at!r}")

    def close(self) -> None:
        """Leave no thread behind."""
        for run in self.living:
            run.die()


class Pool(Executor):
    """In the place of a thread pool: its tasks wait until the stage has one of them done."""

    def __init__(self, stage: Stage, width: int) -> None:
        self._run = stage.acting
        self._stage = stage
        if self._run is not None:
            self._run.width = width

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future = Promise(self._stage)

        def task() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except Exception as error:  # noqa: BLE001 - as a thread pool keeps it for whoever asks for the result
                future.set_exception(error)

        if self._run is None:
            task()
        else:
            self._run.tasks.append(task)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        run = self._run
        if run is not None and not run.is_dead:
            self._stage.pause("pool ends", until=lambda: not run.tasks)


class Promise(Future[Any]):
    """A future whose asker stands still, instead of blocking the thread that holds the turn."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self._stage = stage

    def result(self, timeout: float | None = None) -> Any:
        if not self.done():
            self._stage.pause("waits for answers", until=self.done)
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        if not self.done():
            self._stage.pause("waits for answers", until=self.done)
        return super().exception(timeout)


def wait_for(flight: list[Future[Any]]) -> None:
    """In the place of concurrent.futures.wait."""
    for future in flight:
        future.exception()
