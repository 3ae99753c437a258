"""
A submit run in a process of its own that kills itself (SIGKILL) at a named boundary.

    python -m impact_pipeline_tests.outbox.crashing WAREHOUSE URL SID TOKEN NOW BOUNDARY COUNT

COUNT: at the how-manieth time that the run comes to BOUNDARY.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from impact_pipeline.outbox import lane
from impact_pipeline.outbox.impact.client import Credential, ImpactClient
from impact_pipeline.outbox.impact.transport import Answer, HttpTransport
from impact_pipeline.outbox.settings import OutboxSettings
from impact_pipeline.outbox.submit import submit
from impact_pipeline.warehouse.connection import Warehouse


@dataclass
class Bomb:
    """Goes off at the given boundary."""

    boundary: str
    count: int

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def at(self, boundary: str) -> None:
        with self._lock:
            if boundary == self.boundary:
                self.count -= 1
                if self.count == 0:
                    os.kill(os.getpid(), signal.SIGKILL)


class MinedWarehouse(Warehouse):
    """A warehouse that may die around a commit."""

    bomb: Bomb

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with super().transaction() as con:
            yield con
            self.bomb.at("before_commit")
        self.bomb.at("after_commit")


class MinedTransport(HttpTransport):
    """Connections that may die with a request, before it leaves or once it is answered."""

    bomb: Bomb

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, read_seconds: float
    ) -> Answer:
        kind = "read" if method == "GET" else "request"
        self.bomb.at(f"before_{kind}")
        answer = super().send(method, path, headers, body, read_seconds)
        self.bomb.at("after_read" if method == "GET" else "after_answer")
        return answer


def mine(bomb: Bomb) -> None:
    """Let this process die at the boundary of the bomb: around a commit, the mark, a request or an answer."""
    MinedWarehouse.bomb = MinedTransport.bomb = bomb
    write_mark = lane.high_water.write

    def mined_mark(warehouse: Path, transition_id: int, at: datetime) -> None:
        bomb.at("before_mark")
        write_mark(warehouse, transition_id, at)
        bomb.at("after_mark")

    lane.high_water.write = mined_mark


def main(path: str, url: str, sid: str, token: str, now: str, boundary: str, count: str) -> None:
    mine(Bomb(boundary, int(count)))
    moment = datetime.fromisoformat(now)
    submit(
        MinedWarehouse(path=Path(path)),
        ImpactClient(MinedTransport(url), Credential(account_sid=sid, auth_token=token)),
        OutboxSettings(campaign_id="4711", event_types=(), group_size=4, largest_group=4, connections=3),
        run_id="crashing",
        clock=lambda: moment,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
