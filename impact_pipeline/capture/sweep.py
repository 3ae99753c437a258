"""
The sweep: every Id that Salesforce lists, against every Id that we hold. It finds what no stamp and no log has told.

A lost permission looks like a mass deletion. So a sweep marks nothing by itself: what it misses is looked up by Id, and
what isn't found then is gone without proof. Where it misses implausibly much, it only says so, until a person has said
that so many are gone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import duckdb

from impact_pipeline.capture.load import staged_ids
from impact_pipeline.capture.objects import ObjectPlan
from impact_pipeline.capture.staging import StagedRows
from impact_pipeline.capture.tables import table
from impact_pipeline.warehouse.sql import sql_file

# More than both of these at once is taken for a lost permission: a number of records, and a share of the living ones.
PLAUSIBLE_COUNT = 50
PLAUSIBLE_SHARE = 0.01


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """
    What a sweep found.

    Args:
        missing: Ids that we hold as living and Salesforce did not list, or lists as deleted.
        unknown: Ids of living records that Salesforce lists and we don't hold as living.
        living: how many we hold as living.
        accepted: how many missing ones a person has said to be gone.
    """

    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    living: int
    accepted: int = 0

    @property
    def is_plausible(self) -> bool:
        return len(self.missing) <= max(PLAUSIBLE_COUNT, PLAUSIBLE_SHARE * self.living, self.accepted)

    @property
    def suspects(self) -> tuple[str, ...]:
        """The Ids to be looked up."""
        return self.unknown + (self.missing if self.is_plausible else ())


def narrow(plan: ObjectPlan) -> ObjectPlan:
    """The plan with what a sweep reads."""
    kept = ("Id", "IsDeleted", plan.description.cursor_field)
    return replace(plan, fields=tuple(field for field in plan.fields if field.name in kept))


def compare_ids(
    con: duckdb.DuckDBPyConnection,
    plan: ObjectPlan,
    staged: Sequence[StagedRows],
    *,
    until: datetime,
    accepted: int = 0,
) -> Sweep:
    """Compare all Ids of an object, staged, with raw.<Object>; records created since `until` are left out."""
    staged_ids(con, staged, narrow(plan))
    about = plan.description
    sql = sql_file(__file__, "sweep.sql").format(
        table=table(plan.name),
        created='"CreatedDate"' if "CreatedDate" in about.fields else f'"{about.cursor_field}"',
        is_deleted="\"IsDeleted\" = 'true'" if "IsDeleted" in about.fields else "false",
    )
    missing, unknown, living = con.execute(sql, {"until": until}).fetchall()[0]
    return Sweep(missing=tuple(missing), unknown=tuple(unknown), living=int(living), accepted=accepted)
