"""
The tables of the reconciliation for notebooks, as pandas DataFrames.

    from impact_pipeline.readers import Readers

    readers = Readers("data/readers.duckdb")
    readers.totals().groupby("month")["sent_amount"].sum()

Each call opens the readers' copy, reads and closes it: that never blocks the pipeline, and the next call sees the next
copy. Money is Decimal, to the cent; times are aware, UTC.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from impact_pipeline.reconciliation import report

if TYPE_CHECKING:
    import pandas


class Readers:
    """
    Args:
        path: readers.duckdb, beside the warehouse.

    Raises:
        FileNotFoundError: there is none; the first run makes it, or `impact-pipeline publish`.
    """

    def __init__(self, path: str | Path = "data/readers.duckdb") -> None:
        self.path = Path(path)

    def totals(self) -> pandas.DataFrame:
        """One row per event type, month and currency: Salesforce, outbox, impact.com, in counts and money."""
        return self.query(report.queries()["where_everything_stands"])

    def open_differences(self) -> pandas.DataFrame:
        """One row per key that somebody should look at, the most urgent first, with reason and remedy."""
        return self.query(report.queries()["what_is_open"])

    def lock_calendar(self) -> pandas.DataFrame:
        """One row per locking day and currency, the newest first."""
        return self.query(report.queries()["what_locks_next"])

    def deltas(self) -> pandas.DataFrame:
        """One row per day, event type, currency and kind: how amounts and payouts at impact.com moved."""
        return self.query(report.queries()["what_changed_over_time"])

    def not_ours(self) -> pandas.DataFrame:
        """Actions under keys that were not sent from here, by where they seem to come from."""
        return self.query(report.queries()["what_is_not_ours"])

    def conversion_status(self) -> pandas.DataFrame:
        """One row per key, in exactly one class."""
        return self.query("select * from reconciliation.conversion_status order by key")

    def query(self, sql: str) -> pandas.DataFrame:
        """What a query of yours gives. DuckDB's own .df() would turn money into floats."""
        import pandas

        if not self.path.is_file():
            raise FileNotFoundError(
                f"{self.path} does not exist; the first run makes it, or: impact-pipeline publish. Name another place "
                "with Readers(path)."
            )
        with duckdb.connect(str(self.path), read_only=True) as con:
            cursor = con.execute("set TimeZone = 'UTC'").execute(sql)
            names = [column[0] for column in cursor.description or ()]
            return pandas.DataFrame(cursor.fetchall(), columns=names)
