"""
Is all here? Counts of living records per day of creation, there and here, and the stamps of a sample.

It costs three requests for an object (one more per 1,800 days), and for each day that differs one per 2,000 records of
it. What was created or stamped after the start of the next window is no business of it: the next cycle reads that.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import duckdb

from impact_pipeline.capture.progress import progress
from impact_pipeline.capture.salesforce.client import SalesforceClient
from impact_pipeline.capture.salesforce.errors import DeleteLogTooShort
from impact_pipeline.capture.soql import datetime_literal, groups_of_ids, one_of, select
from impact_pipeline.capture.tables import column_types, table
from impact_pipeline.capture.windows import OVERLAP, whole_second
from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline.warehouse.sql import sql_file

# A query that groups can't be paged, and shows 2,000 groups.
DAYS_PER_QUERY = 1_800
SAMPLE = 400
# Of more days than these only the counts are told.
DAYS_LOOKED_AT = 10
_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Completeness:
    """
    What a comparison of one object found.

    Args:
        there, here: living records that were created before `bound`.
        days: days whose counts differ: (day, there, here).
        missing: Ids that Salesforce shows and we don't hold as living, and that no coming window brings.
        gone: Ids that we hold as living and Salesforce doesn't show, without a trace of their deletion.
        stale: Ids of the sample that have another stamp there, and that no coming window brings.
        explained: differences that came up since the newest cycle, and that the next one reads.
    """

    object: str
    bound: datetime
    there: int
    here: int
    days: tuple[tuple[date, int, int], ...]
    missing: tuple[str, ...]
    gone: tuple[str, ...]
    stale: tuple[str, ...]
    explained: int
    sampled: int
    api_calls: int

    @property
    def is_complete(self) -> bool:
        return not self.days and not self.stale and not self.gone and not self.explained

    @property
    def is_grave(self) -> bool:
        """Whether something differs that time alone won't mend."""
        return bool(self.missing or self.gone or self.stale) or len(self.days) > DAYS_LOOKED_AT

    @property
    def numbers(self) -> dict[str, int]:
        """What can be counted, by name."""
        return {
            "records_there": self.there,
            "records_here": self.here,
            "days_differing": len(self.days),
            "missing": len(self.missing),
            "gone": len(self.gone),
            "stale": len(self.stale),
            "explained": self.explained,
            "sampled": self.sampled,
            "api_calls": self.api_calls,
        }

    @property
    def text(self) -> str:
        """What it means, and what to do."""
        counts = (
            f"{self.there} records of {self.object} there and {self.here} here that were created before "
            f"{datetime_literal(self.bound)}, {self.sampled} compared by stamp"
        )
        if self.is_complete:
            return f"{counts}: complete."
        parts = [
            f"{len(ids)} {what} ({', '.join(ids[:3])})"
            for ids, what in (
                (self.missing, "missing here"),
                (self.gone, "no longer there without a trace"),
                (self.stale, "older here than there"),
            )
            if ids
        ]
        if len(self.days) > DAYS_LOOKED_AT:
            parts.append(f"{len(self.days)} days differ, of which {DAYS_LOOKED_AT} were looked at")
        if self.explained:
            parts.append(f"{self.explained} changed since the newest cycle, and the next one reads them")
        remedy = f" Read them again: impact-pipeline reread {self.object} --sweep." if self.is_grave else ""
        return f"{counts}: {'; '.join(parts)}.{remedy}"


def compare(
    warehouse: Warehouse,
    client: SalesforceClient,
    object_name: str,
    *,
    only: str | None = None,
    overlap: timedelta = OVERLAP,
) -> Completeness | None:
    """
    Compare raw.<Object> with the org; None where its first load has not ended, or it has no CreatedDate.

    Args:
        only: SOQL condition that the object's records have to meet.
    """
    calls = client.api_calls
    with warehouse.reading() as con:
        here = _Here.read(con, object_name, overlap)
    if here is None:
        return None
    asked = _There(client=client, here=here, only=only)
    counts = asked.counts()
    days = tuple(
        (day, counts.get(day, 0), here.counts.get(day, 0))
        for day in sorted(counts.keys() | here.counts.keys())
        if counts.get(day, 0) != here.counts.get(day, 0)
    )
    missing: list[str] = []
    absent: set[str] = set()
    explained: set[str] = set()
    for day, _, _ in days[:DAYS_LOOKED_AT]:
        with warehouse.reading() as con:
            held = here.ids_of(con, day)
        shown = asked.stamps_of(day)
        late = {record_id for record_id in shown.keys() - held if shown[record_id] >= here.bound}
        missing += shown.keys() - held - late
        explained |= late
        absent |= held - shown.keys()
    stamps = asked.stamps_by_id(here.sample)
    differing = [record_id for record_id in stamps if stamps[record_id] != here.sample[record_id]]
    stale = [record_id for record_id in differing if stamps[record_id] < here.bound]
    absent |= here.sample.keys() - stamps.keys()
    gone = asked.without_trace(absent)
    return Completeness(
        object=object_name,
        bound=here.bound,
        there=sum(counts.values()),
        here=sum(here.counts.values()),
        days=days,
        missing=tuple(sorted(missing)),
        gone=tuple(sorted(gone)),
        stale=tuple(sorted(stale)),
        explained=len(explained | set(differing) - set(stale) | absent - gone),
        sampled=len(here.sample),
        api_calls=client.api_calls - calls,
    )


@dataclass(frozen=True, kw_only=True)
class _Here:
    """What we hold of an object: living records that were created before `bound`."""

    object: str
    bound: datetime
    stamp: str
    tells_deletes: bool
    covered: datetime
    counts: Mapping[date, int]
    sample: Mapping[str, datetime]

    @classmethod
    def read(cls, con: duckdb.DuckDBPyConnection, object_name: str, overlap: timedelta) -> "_Here | None":
        columns, reached = column_types(con, object_name), progress(con).get(object_name)
        if "CreatedDate" not in columns or reached is None or reached.is_first_load:
            return None
        bound = whole_second(reached.cursor - overlap)
        stamp = "SystemModstamp" if "SystemModstamp" in columns else "CreatedDate"
        shape = {"table": table(object_name), "stamp": f'"{stamp}"'}
        counts = con.execute(sql_file(__file__, "complete_days.sql").format(**shape), {"bound": bound}).fetchall()
        sample = con.execute(
            sql_file(__file__, "complete_sample.sql").format(**shape, count=SAMPLE), {"bound": bound}
        ).fetchall()
        return cls(
            object=object_name,
            bound=bound,
            stamp=stamp,
            tells_deletes="IsDeleted" in columns,
            covered=reached.latest_date_covered or bound,
            counts=dict(counts),
            sample={record_id: moment.astimezone(UTC) for record_id, moment in sample},
        )

    def ids_of(self, con: duckdb.DuckDBPyConnection, day: date) -> set[str]:
        start = datetime.combine(day, time(), UTC)
        rows = con.execute(
            f'select "Id" from {table(self.object)} where not "_is_deleted" and "_deleted_how" is null '
            'and "CreatedDate" >= $start and "CreatedDate" < least($start + interval 1 day, $bound)',
            {"start": start, "bound": self.bound},
        ).fetchall()
        return {record_id for (record_id,) in rows}


@dataclass(frozen=True, kw_only=True)
class _There:
    """The same questions to Salesforce."""

    client: SalesforceClient
    here: _Here
    only: str | None

    def counts(self) -> dict[date, int]:
        bounds = self.client.bounds(self.here.object, "CreatedDate", self._conditions(None, self.here.bound))
        if bounds is None:
            return {}
        found: dict[date, int] = {}
        start = datetime.combine(bounds[0].date(), time(), UTC)
        while start <= bounds[1]:
            end = min(start + DAYS_PER_QUERY * _DAY, self.here.bound)
            soql = (
                f"SELECT DAY_ONLY(CreatedDate) day, COUNT(Id) records FROM {self.here.object} "
                f"WHERE {' AND '.join(self._conditions(start, end))} GROUP BY DAY_ONLY(CreatedDate)"
            )
            for page in self.client.query_pages(soql, include_deleted=False):
                found |= {date.fromisoformat(str(row["day"])): int(row["records"]) for row in page.rows}
            start = end if end > start else bounds[1] + _DAY
        return found

    def stamps_of(self, day: date) -> dict[str, datetime]:
        """The living records that were created on a day."""
        start = datetime.combine(day, time(), UTC)
        conditions = self._conditions(start, min(start + _DAY, self.here.bound))
        return dict(self._stamps(conditions, include_deleted=False))

    def stamps_by_id(self, ids: Iterable[str]) -> dict[str, datetime]:
        """The stamps of the records that are found, those in the Recycle Bin included."""
        return {
            record_id: stamp
            for group in groups_of_ids(ids, self._soql([one_of("Id", ())]), self.client.domain_url)
            for record_id, stamp in self._stamps([one_of("Id", group)], include_deleted=True)
        }

    def without_trace(self, ids: set[str]) -> set[str]:
        """Those of the Ids that no deletion since the newest cycle explains."""
        if not ids:
            return set()
        found = self.stamps_by_id(ids)
        explained = {record_id for record_id, stamp in found.items() if stamp >= self.here.bound}
        return ids - explained - self._log()

    def _log(self) -> set[str]:
        until = whole_second(self.client.server_now)
        if not self.here.tells_deletes or until - self.here.covered < timedelta(minutes=1):
            return set()
        try:
            return set(self.client.get_deleted(self.here.object, self.here.covered, until).ids)
        except DeleteLogTooShort:
            return set()

    def _stamps(self, conditions: Sequence[str], *, include_deleted: bool) -> Iterator[tuple[str, datetime]]:
        for page in self.client.query_pages(self._soql(conditions), include_deleted=include_deleted):
            for row in page.rows:
                yield str(row["Id"]), datetime.fromisoformat(str(row[self.here.stamp])).astimezone(UTC)

    def _soql(self, conditions: Sequence[str]) -> str:
        return select(self.here.object, ("Id", self.here.stamp), conditions=conditions)

    def _conditions(self, start: datetime | None, end: datetime) -> list[str]:
        conditions = [] if start is None else [f"CreatedDate >= {datetime_literal(start)}"]
        conditions.append(f"CreatedDate < {datetime_literal(end)}")
        return [*conditions, *(() if self.only is None else (f"({self.only})",))]
