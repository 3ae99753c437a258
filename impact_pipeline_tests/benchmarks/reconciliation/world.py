"""A warehouse in which many conversions were decided, sent, settled and seen at impact.com."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from impact_pipeline.config.load import RECOMMENDED, load_config
from impact_pipeline.reconciliation.settings import ReconciliationSettings, settings_of
from impact_pipeline.warehouse.binding import bind
from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline.warehouse.sql import sql_file

START = datetime(2026, 11, 1, tzinfo=UTC)
_DAYS = 365


@dataclass(kw_only=True)
class World:
    """
    The warehouse at `path`, as far as it was made.

    Args:
        made: how many conversions there are.
        now: an hour later with each addition.
    """

    path: Path
    made: int = 0
    now: datetime = START

    def add(self, count: int) -> None:
        """So many more conversions, spread over a year when they are many; a few are of the last day."""
        self.now += timedelta(hours=1)
        days = _DAYS if count > _DAYS else 1
        first, last = self.made + 1, self.made + count
        with Warehouse(path=self.path, memory_limit="4GB").transaction() as con:
            if not self.made:
                bind(con, "00Dam0000000001EAA", False, "IRsample", "4711", self.now)
            newest = con.execute("select coalesce(max(request_id), 0) from outbox.request").fetchall()[0][0]
            binds = {"first": first, "last": last, "now": self.now, "days": days, "after": newest}
            for name in ("conversions", "skipped", "mapped", "requests", "moves", "submissions", "actions"):
                sql = sql_file(__file__, f"{name}.sql")
                con.execute(sql, {key: value for key, value in binds.items() if f"${key}" in sql})
            con.execute(
                "update outbox.queue_cursor set decision_id = (select max(decision_id) from conversions.decision)"
            )
        self.made = last


def settings() -> ReconciliationSettings:
    return settings_of(load_config(RECOMMENDED), "4711")
