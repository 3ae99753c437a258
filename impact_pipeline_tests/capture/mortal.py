"""What may die in the middle: a client and a warehouse that end a run at a given point, and then do nothing more."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb

from impact_pipeline.capture.salesforce.client import SalesforceClient
from impact_pipeline.warehouse.connection import Warehouse


class Killed(BaseException):
    """Stands for a process that is killed: nobody catches it."""


class Life:
    """
    Ends at the `last`-th point that the run comes to; None: never. The dead stay dead.

    Points are before and after each request, and before and after each commit.
    """

    def __init__(self, last: int | None) -> None:
        self.lost_jobs: list[str] = []
        self._left = last
        self._lock = threading.Lock()

    def point(self) -> None:
        with self._lock:
            if self._left is None:
                return
            self._left -= 1
            if self._left <= 0:
                raise Killed


class MortalClient(SalesforceClient):
    """A client that may die before a request leaves, or once it is answered."""

    life: Life = Life(None)

    def request(self, method: str, path: str, **about: Any) -> Any:
        self.life.point()
        answer = super().request(method, path, **about)
        try:
            self.life.point()
        except Killed:
            if method == "POST":
                # A bulk job that nobody has been told of: Salesforce forgets it after a week.
                self.life.lost_jobs.append(str(answer["id"]))
            raise
        return answer


@dataclass(frozen=True, kw_only=True)
class MortalWarehouse(Warehouse):
    """A warehouse that may die around a commit."""

    life: Life

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with super().transaction() as con:
            yield con
            self.life.point()
        self.life.point()
