"""
What a merge moves: the records that referred to the loser refer to the winner afterwards.

Salesforce doesn't say whether that moves their stamps. So once a loser is seen, the records that still refer to it here
are read again by Id. raw._line_set notes the losers, in the commit that brings them, until that is done.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import duckdb

from impact_pipeline.capture.objects import ObjectPlan
from impact_pipeline.capture.tables import table
from impact_pipeline.warehouse.sql import quote_identifier, sql_file

_MASTER = "MasterRecordId"


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A captured field of `plan` that refers to records of `target`, which can be merged."""

    plan: ObjectPlan
    field: str
    target: str

    @property
    def name(self) -> str:
        """As raw._line_set calls it."""
        return f"{self.plan.name}.{self.field}"


@dataclass(frozen=True, kw_only=True)
class Moved:
    """The records to be read again, by Id, sorted; `version_id` is the newest version that asks for it."""

    plan: ObjectPlan
    records: tuple[str, ...]
    names: tuple[str, ...]
    version_id: int


def references_to_merged(plans: Iterable[ObjectPlan]) -> list[Reference]:
    """The captured references between captured objects that a merge may move."""
    known = list(plans)
    mergeable = {plan.name for plan in known if _MASTER in plan.field_names}
    return [
        Reference(plan=plan, field=field.name, target=target)
        for plan in known
        for field in plan.fields
        for target in field.reference_to
        if target in mergeable and field.name != _MASTER
    ]


def note_merged(con: duckdb.DuckDBPyConnection, reference: Reference, *, after: int) -> None:
    """
    Note the losers that versions after version `after` tell of.

    Those of a first load, too: what refers to them may have been read before the merge.
    """
    con.execute(
        sql_file(__file__, "merges_noted.sql").format(table=table(reference.target)),
        {"name": reference.name, "after": after},
    )


def moved(con: duckdb.DuckDBPyConnection, references: Sequence[Reference]) -> list[Moved]:
    """What the notes ask for, object by object."""
    noted = dict(con.execute("select line_object, max(version_id) from raw._line_set group by all").fetchall())
    found = []
    for plan in {reference.plan.name: reference.plan for reference in references}.values():
        asking = [it for it in references if it.plan.name == plan.name and it.name in noted]
        if asking:
            records = {record_id for reference in asking for record_id in _referring(con, reference)}
            found.append(
                Moved(
                    plan=plan,
                    records=tuple(sorted(records)),
                    names=tuple(reference.name for reference in asking),
                    version_id=max(noted[reference.name] for reference in asking),
                )
            )
    return found


def note_followed(con: duckdb.DuckDBPyConnection, found: Iterable[Moved]) -> None:
    """Take back the notes that `moved` saw."""
    for it in found:
        con.execute(
            "delete from raw._line_set where line_object in (select unnest($names)) and version_id <= $version_id",
            {"names": list(it.names), "version_id": it.version_id},
        )


def _referring(con: duckdb.DuckDBPyConnection, reference: Reference) -> list[str]:
    sql = sql_file(__file__, "merges_referring.sql").format(
        table=table(reference.plan.name), field=quote_identifier(reference.field)
    )
    return [record_id for (record_id,) in con.execute(sql, {"name": reference.name}).fetchall()]
