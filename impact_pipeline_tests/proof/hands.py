"""
What a run touches the world with: the warehouse file, the network, the time, its pool, the mark outside the file.

Each hand is the real thing, or as close as it gets without sockets, with the boundaries at which the stage may let a
run stand, die or sleep.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb

from impact_pipeline.outbox import confirm, lane, submit
from impact_pipeline.outbox import pool as outbox_pool
from impact_pipeline.outbox.impact.transport import Answer
from impact_pipeline.simulator.clock import Clock
from impact_pipeline.simulator.impact import Ending, ImpactApi, Request
from impact_pipeline.simulator.impact.faults import Answer as TheirAnswer
from impact_pipeline.warehouse import high_water
from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline_tests.proof.stage import Pool, Stage, wait_for


class Clocks:
    """
    Two clocks and a stopwatch: `there` is the true time, which impact.com goes by; ours may be set wrong against it.

    Args:
        skew: by how much ours is ahead.
    """

    def __init__(self, start: datetime) -> None:
        self.there = Clock(start)
        self.skew = self.widest_skew = timedelta(0)
        self._start = start

    def ours(self) -> datetime:
        return self.there.now() + self.skew

    def set_wrong(self, skew: timedelta) -> None:
        self.skew, self.widest_skew = skew, max(self.widest_skew, abs(skew))

    def monotonic(self) -> float:
        return (self.there.now() - self._start).total_seconds()

    def advance(self, seconds: float) -> None:
        self.there.advance(timedelta(seconds=seconds))


@dataclass(frozen=True, kw_only=True)
class StagedWarehouse(Warehouse):
    """
    The warehouse as runs on a stage share it.

    Args:
        kept: a connection to the file that stays open, because opening takes most of a small transaction's time; None
            opens and closes as in production.
    """

    stage: Stage
    kept: duckdb.DuckDBPyConnection | None = None

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self.stage.file(), self._transaction() as con:
            yield con
            self._note_lease(con)
            self.stage.pause("before the commit")
        self.stage.pause("after the commit")

    @contextmanager
    def reading(self, wait_seconds: float | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
        with self.stage.file():
            if self.kept is None:
                with super().reading(wait_seconds) as con:
                    yield con
            else:
                yield self.kept.cursor()

    def _note_lease(self, con: duckdb.DuckDBPyConnection) -> None:
        """Whose lane it is when a run that needs it for all that it writes is about to commit."""
        run = self.stage.acting
        if run is not None and run.kind in (lane.LANE, confirm.LANE):
            run.leases |= set(con.execute("select token from outbox.lease where lane = ?", [run.kind]).fetchall())

    @contextmanager
    def _transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        if self.kept is None:
            with super().transaction() as con:
                yield con
            return
        # It has temporary tables of its own, as a new connection would.
        con = self.kept.cursor()
        con.begin()
        try:
            yield con
        except BaseException:
            con.rollback()
            raise
        con.commit()


class TwinTransport:
    """
    Requests to the local impact.com without a network, and its answers as HttpTransport would give them.

    Args:
        meet: what comes in the place of an answer, by method and query; None lets the request through.
        latency: seconds that a request takes.
    """

    def __init__(
        self,
        api: ImpactApi,
        stage: Stage,
        clocks: Clocks,
        *,
        meet: Callable[[str, str], Answer | None],
        latency: Callable[[], float],
    ) -> None:
        self._api, self._stage, self._clocks = api, stage, clocks
        self._meet, self._latency = meet, latency

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, read_seconds: float
    ) -> Answer:
        self._stage.pause("before the request")
        resource, _, query = path.partition("?")
        answer = self._meet(method, query)
        if answer is None:
            request = Request(
                method=method,
                path=resource,
                query=query,
                headers={name.lower(): value for name, value in headers.items()},
                body=body or b"",
            )
            theirs = self._api.handle(request)
            answer = as_received(theirs)
            self._clocks.advance(min(theirs.silent_seconds, read_seconds) if answer.status is None else 0)
        self._clocks.advance(self._latency())
        self._stage.pause("after the answer")
        return answer

    def close(self) -> None:
        pass


def as_received(theirs: TheirAnswer) -> Answer:
    """What HttpTransport makes of an answer, or of the lack of one."""
    if theirs.ending is Ending.SILENT:
        return Answer(problem="ReadTimeoutError from TimeoutError")
    if theirs.ending is Ending.DROPPED:
        return Answer(problem="ProtocolError from RemoteDisconnected")
    if theirs.ending is Ending.CUT and theirs.body:
        return Answer(problem="ProtocolError from IncompleteRead")
    return Answer(
        status=theirs.status,
        headers={name.lower(): value for name, value in theirs.headers},
        body=theirs.body,
    )


@contextmanager
def on_stage(stage: Stage, clocks: Clocks) -> Iterator[None]:
    """Within the block, the pipeline's pools, its stopwatch and its mark are those of the stage."""

    def pool(width: int, **_: Any) -> Pool:
        return Pool(stage, width)

    write = high_water.write

    def write_mark(warehouse: Path, transition_id: int, now: datetime) -> None:
        stage.pause("before the mark")
        write(warehouse, transition_id, now)
        stage.pause("after the mark")

    stopwatch = SimpleNamespace(monotonic=clocks.monotonic)
    with ExitStack() as stack:
        for module, name, substitute in (
            (submit, "ThreadPoolExecutor", pool),
            (submit, "wait", wait_for),
            (confirm, "ThreadPoolExecutor", pool),
            (lane, "time", stopwatch),
            (outbox_pool, "time", stopwatch),
            (high_water, "write", write_mark),
        ):
            stack.callback(setattr, module, name, getattr(module, name))
            setattr(module, name, substitute)
        yield
