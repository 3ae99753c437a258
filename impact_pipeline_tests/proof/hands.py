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
from random import Random
from types import SimpleNamespace
from typing import Any

import duckdb

from impact_pipeline.outbox import confirm, lane, submit, upload
from impact_pipeline.outbox import pool as outbox_pool
from impact_pipeline.outbox.impact.sftp import MaybeDeliveredError, NotDeliveredError
from impact_pipeline.outbox.impact.transport import Answer
from impact_pipeline.simulator.clock import Clock
from impact_pipeline.simulator.impact import Ending, ImpactApi, Program, Request
from impact_pipeline.simulator.impact.faults import Answer as TheirAnswer
from impact_pipeline.simulator.impact.records import FileSubmission
from impact_pipeline.warehouse import high_water
from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline_tests.proof.faults import LATEST_ARRIVAL_SECONDS
from impact_pipeline_tests.proof.stage import Pool, Stage, wait_for

LONGEST_UPLOAD_SECONDS = 900


# Of each kind of run that needs one, its lane.
LANES = {"submit": lane.LANE, "upload": lane.LANE, "confirm": confirm.LANE}


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
        if run is None or run.kind not in LANES:
            return
        row = con.execute(
            "select token, run_id = $run_id, (select max(transition_id) from audit.transition where run_id = $run_id) "
            "from outbox.lease where lane = $lane",
            {"run_id": run.name, "lane": LANES[run.kind]},
        ).fetchone()
        assert row is not None
        token, is_held, newest_move = row
        # An upload frees its lane at its end, also where it has lost it, which changes nothing.
        if is_held or run.kind != "upload" or newest_move != run.newest_move:
            run.leases.add(token)
        run.newest_move = newest_move

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
        before: what impact.com does before it takes a request.
    """

    def __init__(
        self,
        api: ImpactApi,
        stage: Stage,
        clocks: Clocks,
        *,
        meet: Callable[[str, str], Answer | None],
        latency: Callable[[], float],
        before: Callable[[], None],
    ) -> None:
        self._api, self._stage, self._clocks = api, stage, clocks
        self._meet, self._latency, self._before = meet, latency, before

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
            self._before()
            theirs = self._api.handle(request)
            answer = as_received(theirs)
            self._clocks.advance(min(theirs.silent_seconds, read_seconds) if answer.status is None else 0)
        self._clocks.advance(self._latency())
        self._stage.pause("after the answer")
        return answer

    def close(self) -> None:
        pass


class TwinFolder:
    """
    The folder that impact.com takes files from, without a network.

    Args:
        fate: what becomes of the next upload, or of a look: see Weather.fate_of_file.
        taken: gets what impact.com takes.
    """

    def __init__(
        self,
        program: Program,
        stage: Stage,
        clocks: Clocks,
        *,
        fate: Callable[[], str],
        random: Random,
        taken: list[tuple[FileSubmission, str]],
    ) -> None:
        self._program, self._stage, self._clocks, self._fate, self._random = program, stage, clocks, fate, random
        self._taken = taken
        # When it gets its name there, when impact.com takes it, what it is called, and what is in it.
        self._files: list[tuple[datetime, datetime, str, bytes]] = []

    def sizes(self, names: list[str]) -> dict[str, int]:
        self._stage.pause("before the look")
        self._meet("looked")
        found = {name: len(text) for at, _, name, text in self._files if name in names and at <= self._now()}
        self._stage.pause("after the look")
        return found

    def put(self, file: Path, name: str, may_deliver: Callable[[], bool]) -> None:
        fate = self._meet("put")
        if fate == "asleep" and self._stage.acting is not None:
            self._stage.acting.frozen = True
        text = file.read_bytes()
        self._stage.pause("before the file has its name")
        self._clocks.advance(self._random.choice([1, 30, LONGEST_UPLOAD_SECONDS]))
        if not may_deliver():
            raise NotDeliveredError("the lease ends")
        if fate != "never arrives":
            at = self._now() + timedelta(seconds=LATEST_ARRIVAL_SECONDS if fate == "arrives late" else 0)
            taken_at = at + timedelta(seconds=self._random.choice([0, 600, 7200]))
            self._files.append((at, taken_at, name, text))
        if fate not in ("", "asleep"):
            raise MaybeDeliveredError(fate)
        self._stage.pause("after the upload")

    def collect(self) -> None:
        """Let impact.com take what it would have taken by now."""
        due = [one for one in self._files if one[1] <= self._now()]
        self._files = [one for one in self._files if one not in due]
        for _, _, name, text in due:
            self._taken.append((self._program.ingest_file(name, text.decode()), text.decode()))

    def _meet(self, what: str) -> str:
        self._stage.check()
        self.collect()
        fate = self._fate()
        if fate == "no way":
            raise NotDeliveredError(f"nothing was {what}: {fate}")
        return fate if what == "put" else ""

    def _now(self) -> datetime:
        return self._clocks.there.now()


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
            (upload, "time", stopwatch),
            (high_water, "write", write_mark),
        ):
            stack.callback(setattr, module, name, getattr(module, name))
            setattr(module, name, substitute)
        yield
