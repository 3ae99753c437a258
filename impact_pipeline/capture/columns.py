"""
Rows that are too wide for one query: their columns are read in parts and put together again by Id.

A record can be edited between two parts. Each part carries the stamp, and records whose stamps differ are read again.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from impact_pipeline.capture.objects import ObjectPlan
from impact_pipeline.capture.salesforce.answers import Page
from impact_pipeline.capture.salesforce.client import SalesforceClient
from impact_pipeline.capture.salesforce.errors import LocatorLost, TooWide
from impact_pipeline.capture.soql import HEADROOM_BYTES, MAX_URL_BYTES, one_of, select

IDS_AT_ONCE = 100
# An Id with its quotes and comma.
_BYTES_PER_ID = 21
_ATTEMPTS = 5

Row = dict[str, Any]


def whole_rows(client: SalesforceClient, plan: ObjectPlan, pages: Iterable[Page]) -> Iterator[Page]:
    """
    The pages of a narrow query of Ids, with all fields of the plan.

    A record that is gone for good meanwhile is left out, and counts no longer.

    Raises:
        LocatorLost: records are edited faster than they can be read.
        TooWide: not even one field at a time can be read.
    """
    parts = _parts(plan, client.domain_url)
    gone = 0
    for page in pages:
        ids = list(dict.fromkeys(str(row["Id"]) for row in page.rows))
        rows: list[Row] = []
        for start in range(0, len(ids), IDS_AT_ONCE):
            found, parts = _group(client, plan, ids[start : start + IDS_AT_ONCE], parts)
            rows += found
        gone += len(ids) - len(rows)
        yield Page(rows=rows, total=page.total - gone)


def _group(
    client: SalesforceClient, plan: ObjectPlan, ids: Sequence[str], parts: list[tuple[str, ...]]
) -> tuple[list[Row], list[tuple[str, ...]]]:
    """The records in the order of `ids`, and the parts that were narrow enough."""
    stamp = plan.description.cursor_field
    whole: dict[str, Row] = {}
    wanted = list(ids)
    for _ in range(_ATTEMPTS):
        answers, parts = _answers(client, plan, wanted, parts)
        wanted = []
        for record_id, first in answers[0].items():
            others = [answer.get(record_id) for answer in answers[1:]]
            if all(other is not None and other[stamp] == first[stamp] for other in others):
                whole[record_id] = {name: value for row in (first, *others) for name, value in (row or {}).items()}
            else:
                wanted.append(record_id)
        if not wanted:
            return [whole[record_id] for record_id in ids if record_id in whole], parts
    raise LocatorLost(f"query of {plan.name}: records are edited while their columns are read, again and again.")


def _answers(
    client: SalesforceClient, plan: ObjectPlan, ids: Sequence[str], parts: list[tuple[str, ...]]
) -> tuple[list[dict[str, Row]], list[tuple[str, ...]]]:
    while True:
        try:
            return [_part(client, plan, ids, part) for part in parts], parts
        except TooWide:
            if all(len(part) <= 1 for part in parts):
                raise
            parts = [half for part in parts for half in (part[: len(part) // 2], part[len(part) // 2 :]) if half]


def _part(client: SalesforceClient, plan: ObjectPlan, ids: Sequence[str], part: Sequence[str]) -> dict[str, Row]:
    fields = tuple(dict.fromkeys(("Id", plan.description.cursor_field, *part)))
    soql = select(plan.name, fields, conditions=(one_of("Id", ids),))
    return {str(row["Id"]): row for page in client.query_pages(soql, include_deleted=True) for row in page.rows}


def _parts(plan: ObjectPlan, base_url: str) -> list[tuple[str, ...]]:
    """The fields in parts that fit a URL beside the Ids."""
    room = MAX_URL_BYTES - HEADROOM_BYTES - len(base_url) - IDS_AT_ONCE * _BYTES_PER_ID
    parts: list[list[str]] = [[]]
    used = 0
    for name in plan.field_names:
        needed = len(name) + 1
        if used + needed > room:
            parts.append([])
            used = 0
        parts[-1].append(name)
        used += needed
    return [tuple(part) for part in parts]
