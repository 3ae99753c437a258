"""
Which records are gone. A record counts as deleted only on proof: the record itself says so, or a trace of its deletion
together with Salesforce no longer finding its Id.

The log of deletions also names records that were restored since, so each of them is looked up before it counts.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb

from impact_pipeline.capture.load import LoadContext, mark_gone
from impact_pipeline.capture.objects import ObjectPlan
from impact_pipeline.capture.reading import Piece
from impact_pipeline.capture.salesforce.answers import Deleted
from impact_pipeline.capture.salesforce.client import SalesforceClient
from impact_pipeline.capture.salesforce.errors import DeleteLogTooShort

# The log counts in minutes (Salesforce's REST API guide, Get Deleted).
_SHORTEST = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class Suspects:
    """
    Records that seem to be gone, to be looked up by Id.

    Args:
        how: what they are suspected by: getDeleted, set (their parent's lines no longer name them) or sweep.
        covered: where the next question to the log starts, once they are settled.
    """

    ids: tuple[str, ...]
    how: str
    covered: datetime | None = None

    @property
    def is_proof(self) -> bool:
        """That a sweep doesn't list a record, a lost permission explains as well."""
        return self.how != "sweep"


def deletion_log(client: SalesforceClient, plan: ObjectPlan, start: datetime, until: datetime) -> Deleted | None:
    """
    What was deleted in [start, until); None where the log no longer reaches back so far.

    Asked before the windows are read: `latest_date_covered` then tells which transactions were still open.
    """
    if until - start < _SHORTEST:
        return Deleted(ids=frozenset(), latest_date_covered=start)
    try:
        return client.get_deleted(plan.name, start, until)
    except DeleteLogTooShort:
        return None


def settle(
    con: duckdb.DuckDBPyConnection, plan: ObjectPlan, suspects: Suspects, piece: Piece, context: LoadContext
) -> int:
    """Mark the suspects that `piece`, their look-up by Id, did not find; how many versions that made."""
    gone = [record_id for record_id in suspects.ids if record_id not in piece.ids]
    return mark_gone(con, plan, gone, context, how=suspects.how, is_deleted=suspects.is_proof)
