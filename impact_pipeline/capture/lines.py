"""
The lines of a record as a set: read again for every record that changed, or whose lines did.

Lines are often deleted and made anew with other Ids, past the Recycle Bin. So what a record's set no longer names is
looked up, and where the record's amount is not the sum of its lines, both are read once more.

raw._line_set notes which sets are to be read, in the commit that brings the change; a run that is killed before it has
read them leaves that to the next one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from impact_pipeline.capture.objects import ObjectPlan
from impact_pipeline.capture.tables import column_types, table
from impact_pipeline.warehouse.sql import quote_identifier, sql_file

# An opportunity with lines has the sum of their TotalPrice as its Amount, and says whether it has lines (Salesforce's
# object reference, Opportunity).
SUMS = {("Opportunity", "OpportunityLineItem"): ("HasOpportunityLineItem", "Amount", "TotalPrice")}


@dataclass(frozen=True, kw_only=True)
class Lines:
    """
    An object and the object of its lines.

    Args:
        parent: the line's field that refers to the record.
    """

    record: ObjectPlan
    line: ObjectPlan
    parent: str

    @property
    def sums(self) -> tuple[str, str, str] | None:
        """The record's flag and amount and the line's amount, where Salesforce keeps them equal and we have them."""
        fields = SUMS.get((self.record.name, self.line.name))
        if fields is None or not {fields[0], fields[1]} <= set(self.record.field_names):
            return None
        return fields if fields[2] in self.line.field_names else None

    @property
    def is_visible_with_record(self) -> bool:
        """Whether a line can't be hidden from who sees its record, so that a line that is not found is gone."""
        return self.sums is not None


@dataclass(frozen=True, kw_only=True)
class Due:
    """The records whose lines are to be read as a set, by Id, sorted; `version_id` is the newest that asks for it."""

    records: tuple[str, ...] = ()
    version_id: int = 0


def lines_of(plans: Mapping[str, ObjectPlan], declared: Mapping[str, tuple[str, str]]) -> list[Lines]:
    """
    The pairs of object and lines that are captured.

    Args:
        declared: object → (object of its lines, their field that refers to it).
    """
    return [
        Lines(record=plans[name], line=plans[line], parent=plans[line].description.spelled(parent) or parent)
        for name, (line, parent) in declared.items()
        if name in plans and line in plans
    ]


def note_touched(con: duckdb.DuckDBPyConnection, lines: Lines, object_name: str, *, after: int) -> None:
    """Note the records that versions of `object_name` after version `after` tell of; first loads apart."""
    record = '"Id"' if object_name == lines.record.name else quote_identifier(lines.parent)
    sql = sql_file(__file__, "lines_touched.sql").format(table=table(object_name), record=record)
    con.execute(sql, {"line": lines.line.name, "after": after})


def due(con: duckdb.DuckDBPyConnection, lines: Lines, *, cycle_id: str) -> Due:
    """
    The noted records whose lines have to be asked for.

    A set is known to be whole where all the lines that we hold of it were read in this very cycle, and add up.
    """
    noted = con.execute(
        "select max(version_id) from raw._line_set where line_object = $line", {"line": lines.line.name}
    ).fetchall()[0][0]
    if noted is None:
        return Due()
    adds_up, line_amount = "false", "null"
    if lines.sums:
        flag, amount, summed = map(quote_identifier, lines.sums)
        adds_up = (
            f"r.{flag} is not distinct from (h.record_id is not null) "
            f"and (h.record_id is null or r.{amount} is not distinct from h.amount)"
        )
        line_amount = f"sum(l.{summed})"
    sql = sql_file(__file__, "lines_due.sql").format(
        records=table(lines.record.name),
        lines=table(lines.line.name),
        parent=quote_identifier(lines.parent),
        line_amount=line_amount,
        adds_up=adds_up,
    )
    rows = con.execute(sql, {"line": lines.line.name, "cycle_id": cycle_id}).fetchall()
    return Due(records=tuple(record_id for (record_id,) in rows), version_id=noted)


def note_read(con: duckdb.DuckDBPyConnection, lines: Lines, found: Due) -> None:
    """Take back the notes that `due` saw: those sets have been read, or are whole."""
    con.execute(
        "delete from raw._line_set where line_object = $line and version_id <= $version_id",
        {"line": lines.line.name, "version_id": found.version_id},
    )


def missing(con: duckdb.DuckDBPyConnection, lines: Lines, records: Sequence[str], found: Sequence[str]) -> list[str]:
    """
    The living lines of `records` that reading their sets did not find.

    A record that says that it has lines, while none was found, is left out: then lines are hidden, not gone.
    """
    flag = lines.sums[0] if lines.sums else None
    sql = sql_file(__file__, "lines_missing.sql").format(
        records=table(lines.record.name),
        lines=table(lines.line.name),
        parent=quote_identifier(lines.parent),
        has_lines=f"r.{quote_identifier(flag)}" if flag else "false",
    )
    return [line_id for (line_id,) in con.execute(sql, {"records": list(records), "found": list(found)}).fetchall()]


def not_adding_up(con: duckdb.DuckDBPyConnection, lines: Lines, records: Sequence[str] | None) -> list[str]:
    """Of `records` (None: of all) those whose amount is not the sum of their lines, or that miss lines they have."""
    if lines.sums is None:
        return []
    return _not_adding_up(con, lines.record.name, lines.line.name, lines.parent, records)


def sums_differing(con: duckdb.DuckDBPyConnection, record: str, line: str, parent: str) -> list[str] | None:
    """Of all captured records those that `not_adding_up` names; None where nothing says that they have to add up."""
    fields = SUMS.get((record, line))
    if fields is None or not set(fields[:2]) <= column_types(con, record).keys():
        return None
    if not {fields[2], parent} <= column_types(con, line).keys():
        return None
    return _not_adding_up(con, record, line, parent, None)


def _not_adding_up(
    con: duckdb.DuckDBPyConnection, record: str, line: str, parent: str, records: Sequence[str] | None
) -> list[str]:
    flag, amount, line_amount = (quote_identifier(name) for name in SUMS[(record, line)])
    sql = sql_file(__file__, "lines_not_adding_up.sql").format(
        records=table(record),
        lines=table(line),
        parent=quote_identifier(parent),
        flag=flag,
        amount=amount,
        line_amount=line_amount,
    )
    values = {"records": None if records is None else list(records)}
    return [record_id for (record_id,) in con.execute(sql, values).fetchall()]
