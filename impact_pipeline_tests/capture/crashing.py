"""
A capture cycle in a process of its own that kills itself (SIGKILL) at a named boundary.

    python -m impact_pipeline_tests.capture.crashing WAREHOUSE STAGING URL NOW RUN_ID BULK_FROM_ROWS BOUNDARY COUNT

BOUNDARY: staged, before_commit, after_commit, job_asked (a bulk job's state), page_arrived (one of its pages), or any
of them and each other answer. COUNT: at the how-manieth time that the run comes there.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from impact_pipeline.capture.cycle import capture_objects
from impact_pipeline.capture.run import CaptureOptions
from impact_pipeline.capture.salesforce.client import SalesforceClient
from impact_pipeline.capture.salesforce.login import ClientCredentials
from impact_pipeline.capture.staging import RowFile, StagedRows
from impact_pipeline.simulator.salesforce import Credentials
from impact_pipeline.warehouse.connection import Warehouse

OPTIONS = CaptureOptions(rows_per_piece=4, poll_seconds=0.01, gather_seconds=0.0, readers=2)
WANTED = {"Lead": ("Company", "AnnualRevenue"), "Opportunity": ("Name", "Amount")}


@dataclass
class Bomb:
    """Goes off at the given boundary."""

    boundary: str
    count: int

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def at(self, *boundaries: str) -> None:
        with self._lock:
            if self.boundary in (*boundaries, "any"):
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


class MinedClient(SalesforceClient):
    """A client that may die while a bulk job runs, and around the arrival of its pages."""

    bomb: Bomb

    def request(self, method: str, path: str, **about: Any) -> Any:
        answer = super().request(method, path, **about)
        if "/results?" in path:
            self.bomb.at("page_arrived")
        elif "/jobs/query/" in path and method == "GET":
            self.bomb.at("job_asked")
        else:
            self.bomb.at()
        return answer


def main(warehouse: str, staging: str, url: str, now: str, run_id: str, bulk: str, boundary: str, count: str) -> None:
    bomb = Bomb(boundary, int(count))
    MinedWarehouse.bomb = MinedClient.bomb = bomb
    stage = RowFile.staged

    def mined_stage(file: RowFile) -> StagedRows:
        staged = stage(file)
        bomb.at("staged")
        return staged

    RowFile.staged = mined_stage  # type: ignore[method-assign]
    moment, known = datetime.fromisoformat(now), Credentials()
    capture_objects(
        MinedWarehouse(path=Path(warehouse)),
        MinedClient(
            domain_url=url,
            login=ClientCredentials(client_id=known.client_id, client_secret=known.client_secret),
            retry_seconds=0.01,
        ),
        WANTED,
        run_id=run_id,
        staging=Path(staging),
        clock=lambda: moment,
        account_sid="sid",
        campaign_id="4711",
        options=replace(OPTIONS, bulk_from_rows=int(bulk)),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
