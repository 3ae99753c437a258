"""
One query → staged files, in pieces that can be committed one after the other.

By REST the rows come in the order of the cursor field. So a piece that ends at some stamp has all that was stamped
before it, and its last stamp is an honest cursor: a reading that breaks off goes on there. A bulk job has no order; it
moves the cursor only at its end, and a run that was killed finds the job again.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

from impact_pipeline.capture.objects import ObjectPlan
from impact_pipeline.capture.salesforce.bulk import BulkQuery
from impact_pipeline.capture.salesforce.client import Page, SalesforceClient
from impact_pipeline.capture.salesforce.errors import BulkFailed, BulkRefused, LocatorLost, TooLarge
from impact_pipeline.capture.soql import fits_url, groups_of_ids, one_of, select
from impact_pipeline.capture.staging import StagedRows, stage_rows

ROWS_PER_PIECE = 50_000
# By REST a page of 2,000 rows is a request; a job is half a dozen, whatever its size.
BULK_FROM_ROWS = 20_000


@dataclass(frozen=True, kw_only=True)
class Piece:
    """
    Rows of a query that can be committed together.

    Args:
        reached: everything before this stamp has been read; None where only the end of the query is a bound.
        is_last: the query is answered in full.
        deleted: Ids of the rows that say of themselves that they are deleted, as far as that was looked at.
    """

    staged: StagedRows
    method: str
    is_last: bool
    reached: datetime | None = None
    deleted: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Reader:
    """
    Reads whole queries of any size.

    Args:
        folder: private, for the files.
        notes: folder where bulk jobs are remembered for a later run.
        rows_per_piece: by REST; a bulk job's pages are pieces as they are.
        bulk_from_rows: a query of at least so many rows becomes a bulk job.
        poll_seconds: first pause between two looks at a bulk job.
    """

    client: SalesforceClient
    folder: Path
    notes: Path
    rows_per_piece: int = ROWS_PER_PIECE
    bulk_from_rows: int = BULK_FROM_ROWS
    poll_seconds: float = 2.0

    def pieces(self, plan: ObjectPlan, conditions: Sequence[str], *, until: datetime) -> Generator[Piece]:
        """
        The rows that meet the conditions, the records in the Recycle Bin included; the last piece may be empty.

        Raises:
            LocatorLost: records are missing from the pages. Pieces handed out before are good nevertheless.
        """
        ordered = select(
            plan.name, plan.field_names, conditions=conditions, order_by=(plan.description.cursor_field, "Id")
        )
        pages = None
        with suppress(TooLarge):
            if fits_url(ordered, self.client.domain_url):
                pages = self.client.query_pages(ordered, include_deleted=True)
                first = next(pages)
                if first.total < self.bulk_from_rows:
                    yield from self._by_rest(plan, chain((first,), pages), until)
                    return
        try:
            # Without an order Salesforce can cut the job into parts that run side by side.
            yield from self._by_bulk(plan, select(plan.name, plan.field_names, conditions=conditions))
        except (BulkRefused, BulkFailed):
            if pages is None:
                raise
            yield from self._by_rest(plan, self.client.query_pages(ordered, include_deleted=True), until)

    def _by_rest(self, plan: ObjectPlan, pages: Iterable[Page], until: datetime) -> Generator[Piece]:
        order = _Order(plan.description.cursor_field, until)
        held: list[dict[str, Any]] = []
        ids: set[str] = set()
        total = 0
        for page in pages:
            order.see(page.rows)
            held += page.rows
            ids.update(str(row["Id"]) for row in page.rows)
            total = page.total
            if len(held) >= self.rows_per_piece and len(ids) < total:
                yield self._staged(plan, held, reached=order.reached)
                held = []
        if len(ids) < total:
            raise LocatorLost(f"query of {plan.name}: {len(ids)} records came of {total} announced.")
        yield self._staged(plan, held, is_last=True)

    def _staged(
        self, plan: ObjectPlan, rows: list[dict[str, Any]], *, reached: datetime | None = None, is_last: bool = False
    ) -> Piece:
        return Piece(
            staged=stage_rows(self.folder, rows, plan.field_names),
            method="rest",
            is_last=is_last,
            reached=reached,
            deleted=frozenset(str(row["Id"]) for row in rows if row.get("IsDeleted") is True),
        )

    def _by_bulk(self, plan: ObjectPlan, soql: str) -> Iterator[Piece]:
        query = BulkQuery(
            client=self.client,
            soql=soql,
            columns=plan.field_names,
            note=self.notes / f"bulk-{plan.name}.json",
            poll_seconds=self.poll_seconds,
        )
        with closing(query.pages(self.folder)) as pages:
            for page in pages:
                staged = StagedRows(path=page.path, columns=page.columns, row_count=page.row_count, is_csv=True)
                yield Piece(staged=staged, method="bulk", is_last=page.is_last)

    def rows_by_id(self, plan: ObjectPlan, ids: Sequence[str]) -> tuple[StagedRows, frozenset[str]]:
        """The records of these Ids that Salesforce still has, also in the Recycle Bin, staged; and their Ids."""
        rows: list[dict[str, Any]] = []
        for group in groups_of_ids(ids):
            soql = select(plan.name, plan.field_names, conditions=(one_of("Id", group),))
            for page in self.client.query_pages(soql, include_deleted=True):
                rows += page.rows
        return stage_rows(self.folder, rows, plan.field_names), frozenset(str(row["Id"]) for row in rows)


class _Order:
    """How far the stamps have come, as long as they come in order."""

    def __init__(self, cursor_field: str, until: datetime) -> None:
        self._field = cursor_field
        self._end = until.strftime("%Y-%m-%dT%H:%M:%S")
        self._newest = ""
        self._is_kept = True

    @property
    def reached(self) -> datetime | None:
        """The newest stamp; None where that isn't known to be a bound of what is still to come."""
        if not self._is_kept or not self._newest:
            return None
        return datetime.fromisoformat(self._newest).astimezone(UTC)

    def see(self, rows: Sequence[dict[str, Any]]) -> None:
        """
        A row that is edited while it is being read may show a stamp behind the upper bound, wherever it stands. Any
        other disorder means that pages came twice or in the wrong place: then only the end of the query is a bound.
        """
        for row in rows:
            stamp = str(row[self._field])
            if stamp < self._end:
                self._is_kept = self._is_kept and stamp >= self._newest
                self._newest = max(self._newest, stamp)
