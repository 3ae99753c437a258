"""A warehouse of a large org: a first load, then rounds of edits, put into raw.* set-based as a capture would."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from impact_pipeline.capture import load
from impact_pipeline.capture.fields import description
from impact_pipeline.capture.objects import ObjectPlan, plan_objects
from impact_pipeline.capture.progress import CapturedObject, record
from impact_pipeline.capture.tables import past_table, prepare, table, version_table
from impact_pipeline.config.load import RECOMMENDED, Config, load_config
from impact_pipeline.simulator.clock import Clock
from impact_pipeline.simulator.salesforce import Org
from impact_pipeline.simulator.salesforce.schema import Field
from impact_pipeline.warehouse.binding import bind
from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline.warehouse.sql import quote_identifier, sql_file

FIRST_LOAD = datetime(2026, 11, 1, tzinfo=UTC)
# Parents first: lines and history rows are made from the opportunities that they belong to.
_FIRST = ("Product2", "Lead", "Opportunity", "OpportunityHistory", "OpportunityLineItem")
_EDITED = ("Lead", "Opportunity", "OpportunityHistory", "OpportunityLineItem")
_MADE_SHARE = 0.02


@dataclass(frozen=True, kw_only=True)
class Size:
    """
    How large the org is, in rows.

    Args:
        new: versions of leads and opportunities that one round of edits makes; two of five are leads'.
        records: leads and opportunities that are there; two of five are leads.
        lines: line items that they have.
    """

    new: int
    records: int
    lines: int

    @property
    def leads(self) -> int:
        return self.records * 2 // 5

    @property
    def opportunities(self) -> int:
        return self.records - self.leads

    @property
    def lines_each(self) -> int:
        """Lines of each opportunity that has any: those with an even number."""
        return round(self.lines / (self.opportunities // 2))


@cache
def config() -> Config:
    return load_config(RECOMMENDED)


def bounded(warehouse: Path) -> Warehouse:
    """The warehouse as the pipeline opens it, with its threads and its memory limit."""
    return Warehouse(path=warehouse)


def first_load(path: Path, size: Size) -> None:
    """The state that the first cycle captures: a baseline."""
    binds = {"lead_count": size.leads, "opportunity_count": size.opportunities, "lines_each": size.lines_each}
    with Warehouse(path=path, memory_limit="4GB").transaction() as con:
        bind(con, "00Dam0000000001EAA", False, "IRsample", "4711", FIRST_LOAD)
        con.execute(_sql("macros.sql"))
        for name in _FIRST:
            _make(con, "made", f"first_{name.lower()}.sql", {**binds, "at": FIRST_LOAD})
            _put(con, name, cycle=0)


def edit(path: Path, size: Size, number: int) -> None:
    """One round of edits, an hour after the one before, captured in one cycle."""
    with Warehouse(path=path, memory_limit="4GB").transaction() as con:
        con.execute(_sql("macros.sql"))
        for name, records in (("Lead", size.leads), ("Opportunity", size.opportunities)):
            mine = size.new * records // size.records
            made = int(mine * _MADE_SHARE)
            _make(
                con,
                "edited",
                f"round_{name.lower()}.sql",
                {"round": number, "touched": mine - made, "made": made, "at": at(number)},
            )
            con.execute("create or replace temp table made as select * from edited")
            if name == "Opportunity":
                # Before the records: a line is dearer than the one that is still the current row.
                for child in ("OpportunityHistory", "OpportunityLineItem"):
                    _make(con, "made", f"round_{child.lower()}.sql", {"round": number})
                    _put(con, child, cycle=number)
                con.execute("create or replace temp table made as select * from edited")
            _put(con, name, cycle=number)


def tell_sent(path: Path, number: int) -> None:
    """What the round's cycle decided has been sent, settled and seen at impact.com before the next one."""
    with Warehouse(path=path, memory_limit="4GB").transaction() as con:
        con.execute(_sql("macros.sql"))
        for name in ("sent.sql", "acted.sql", "corrected.sql"):
            con.execute(_sql(name), {"at": at(number) + timedelta(minutes=10)})


def newest_version(path: Path) -> int:
    """The last version that any object has."""
    with bounded(path).reading() as con:
        found = [
            con.execute(f'select max("_version_id") from {version_table(name)}').fetchall()[0][0] for name in _EDITED
        ]
    return int(max(found))


def at(number: int) -> datetime:
    """The upper bound of the cycle of a round; that of round 0 is the first load's."""
    return FIRST_LOAD + timedelta(hours=number)


def cycle_id(number: int) -> str:
    return at(number).strftime("%Y-%m-%dT%H:%M:%SZ")


def _make(con: duckdb.DuckDBPyConnection, table_name: str, name: str, binds: dict[str, Any]) -> None:
    sql = _sql(name)
    used = {key: value for key, value in binds.items() if f"${key}" in sql}
    con.execute(f"create or replace temp table {table_name} as\n{sql}", used)


def _put(con: duckdb.DuckDBPyConnection, name: str, *, cycle: int) -> None:
    """Table `made` becomes the current rows of the object; those that it supersedes are past versions."""
    plan = _plans()[name]
    field_set = prepare(con, plan, now=at(cycle))
    names = {"past_table": past_table(name), "table": table(name), "current": table(name)}
    made = {column for (column,) in con.execute("select column_name from (describe made)").fetchall()}
    fields = [field.name for field in plan.fields if field.name in made]
    con.execute(
        "create or replace temp table capture_changed as "
        'select o."_version_id" as previous_version_id '
        f'from made as m join {table(name)} as o on o."Id" = m."Id"'
    )
    for step in ("load_supersede.sql", "load_remove.sql"):
        con.execute(sql_file(load.__file__, step).format(**names))
    con.execute(
        _sql("put.sql").format(**names, columns=", ".join(f"m.{quote_identifier(field)}" for field in fields)),
        {"at": at(cycle), "fields": field_set, "cycle_id": cycle_id(cycle), "is_first_load": cycle == 0},
    )
    written = con.execute("select count(*) from made").fetchall()[0][0]
    record(con, _captured(name, cycle, written))


def _captured(name: str, cycle: int, rows: int) -> CapturedObject:
    return CapturedObject(
        cycle_id=cycle_id(cycle),
        object=name,
        method="bulk",
        purpose="window",
        window_after=None if cycle == 0 else at(cycle - 1) - timedelta(minutes=10),
        window_until=at(cycle),
        cursor=at(cycle),
        is_first_load=cycle == 0,
        rows_read=rows,
        versions_written=rows,
        deletes_seen=0,
        latest_date_covered=at(cycle),
        api_calls=1,
        quota_used=None,
        quota_max=None,
        fields_missing=(),
        fields_added=(),
        run_id=f"round {cycle}",
        started_at=at(cycle),
        finished_at=at(cycle),
    )


@cache
def _plans() -> dict[str, ObjectPlan]:
    """What a cycle would capture of a standard org with two fields of its own."""
    org = Org(Clock(FIRST_LOAD))
    for name in ("Lead", "Opportunity"):
        for field in ("Customer_Id__c", "Impact_Click_Id__c"):
            org.add_field(name, Field(name=field, type="string", length=64))
    return plan_objects(config().capture_set(), lambda name: description(org.described(org.type_named(name), "64.0")))


def _sql(name: str) -> str:
    return sql_file(__file__, name)
