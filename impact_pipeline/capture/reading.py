"""
One query → staged files, in pieces that can be committed one after the other.

Rows come in the order of the cursor field. So a piece that ends at some stamp has all that was stamped before it, and
its last stamp is an honest cursor: a reading that breaks off goes on there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from impact_pipeline.capture.objects import ObjectPlan
from impact_pipeline.capture.salesforce.client import SalesforceClient
from impact_pipeline.capture.salesforce.errors import LocatorLost
from impact_pipeline.capture.soql import groups_of_ids, one_of, select
from impact_pipeline.capture.staging import StagedRows, stage_rows

ROWS_PER_PIECE = 50_000


@dataclass(frozen=True, kw_only=True)
class Piece:
    """
    Rows of a query that can be committed together.

    Args:
        reached: everything before this stamp has been read; None at the end of the query.
        deleted: Ids of the rows that say of themselves that they are deleted.
    """

    staged: StagedRows
    reached: datetime | None
    deleted: frozenset[str]


def pieces(
    client: SalesforceClient,
    plan: ObjectPlan,
    conditions: Sequence[str],
    *,
    until: datetime,
    folder: Path,
    rows_per_piece: int = ROWS_PER_PIECE,
) -> Iterator[Piece]:
    """
    The rows that meet the conditions, ordered by the cursor field, in pieces; the last one may be empty.

    Raises:
        LocatorLost: records are missing from the pages. Pieces handed out before are good nevertheless.
    """
    cursor_field = plan.description.cursor_field
    soql = select(plan.name, plan.field_names, conditions=conditions, order_by=(cursor_field, "Id"))
    order = _Order(cursor_field, until)
    held: list[dict[str, Any]] = []
    ids: set[str] = set()
    total = 0
    for page in client.query_pages(soql, include_deleted=True):
        order.see(page.rows)
        held += page.rows
        ids.update(str(row["Id"]) for row in page.rows)
        total = page.total
        if len(held) >= rows_per_piece and len(ids) < total and order.reached is not None:
            yield _piece(held, plan, folder, order.reached)
            held = []
    if len(ids) < total:
        raise LocatorLost(f"query of {plan.name}: {len(ids)} records came of {total} announced.")
    yield _piece(held, plan, folder, None)


def rows_by_id(
    client: SalesforceClient, plan: ObjectPlan, ids: Sequence[str], *, field: str = "Id", folder: Path
) -> tuple[StagedRows, frozenset[str]]:
    """The rows whose `field` is one of `ids`, also from the Recycle Bin, staged; and their own Ids."""
    rows: list[dict[str, Any]] = []
    for group in groups_of_ids(ids):
        soql = select(plan.name, plan.field_names, conditions=(one_of(field, group),))
        for page in client.query_pages(soql, include_deleted=True):
            rows += page.rows
    return stage_rows(folder, rows, plan.field_names), frozenset(str(row["Id"]) for row in rows)


def _piece(rows: list[dict[str, Any]], plan: ObjectPlan, folder: Path, reached: datetime | None) -> Piece:
    return Piece(
        staged=stage_rows(folder, rows, plan.field_names),
        reached=reached,
        deleted=frozenset(str(row["Id"]) for row in rows if row.get("IsDeleted") is True),
    )


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
