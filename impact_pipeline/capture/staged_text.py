"""Staged files as SQL sees them: rows of text, and each text as a value of its column's type."""

from collections.abc import Sequence

import duckdb

from impact_pipeline.capture.fields import Field
from impact_pipeline.capture.objects import ObjectPlan
from impact_pipeline.capture.salesforce.errors import UnreadableValue
from impact_pipeline.capture.staging import StagedRows
from impact_pipeline.warehouse.sql import quote_identifier, quote_literal

# An object holds some 1.6 million characters of long text at most (Salesforce's limits), and a character takes up to 6
# bytes where it is escaped. Unbounded, the reader's buffers would be many times as long as the longest row.
LONGEST_ROW_BYTES = 16 * 1024 * 1024
_BYTES_PER_CHARACTER = 6
# Rows of most objects can't come near this, and short buffers are read a tenth faster.
USUAL_ROW_BYTES = 4 * 1024 * 1024
# Of a field that describe names no length for.
_CHARACTERS = 255
# Ids of 15 characters get the three that make them safe where case is lost (Salesforce's object reference, Id).
ID_MACRO = """
create or replace temp macro salesforce_id(id) as
case when strlen(id) = 15
     then id || array_to_string(list_transform([0, 5, 10], lambda start: substr(
              'ABCDEFGHIJKLMNOPQRSTUVWXYZ012345',
              1 + list_sum(list_transform([0, 1, 2, 3, 4], lambda place:
                      case when regexp_matches(substr(id, start + place + 1, 1), '[A-Z]')
                           then 1 << place else 0 end))::int,
              1)), '')
     else id end
"""


def reader(rows: StagedRows, plan: ObjectPlan) -> str:
    """A table function over the file of an object's rows, every value as text; null where it is empty."""
    longest = _longest_row(plan)
    kinds = ", ".join(f"{quote_literal(name)}: 'VARCHAR'" for name in rows.columns)
    if rows.is_csv:
        return (
            "read_csv($file, auto_detect = false, header = true, delim = ',', new_line = '\\n', quote = '\"', "
            f"escape = '\"', columns = {{{kinds}}}, max_line_size = {longest}, "
            f"buffer_size = {2 * longest})"
        )
    # Empty texts became null where the file was written: a nullif over all columns of read_json made DuckDB 1.5.6 mix
    # up the texts of long rows.
    return f"read_json($file, format = 'newline_delimited', columns = {{{kinds}}}, maximum_object_size = {longest})"


def typed_value(field: Field, column_type: str) -> str:
    """The text of a field as a value of its column; an error where it can't be that."""
    text = _q(field.name)
    if field.is_id:
        return f"salesforce_id({text})"
    if field.duckdb_type == "VARCHAR":
        return text
    value = f"cast({text} as {field.duckdb_type})"
    if field.duckdb_type == "BIGINT":
        # Bulk jobs write whole numbers as 5.0 too; a fraction would be rounded without a word.
        whole = _whole(text, otherwise="error('a fraction')")
        value = f"case when contains({text}, '.') then {whole} else {value} end"
    return value if column_type == field.duckdb_type else f"cast({value} as {column_type})"


def name_misfits(
    con: duckdb.DuckDBPyConnection, staged: Sequence[StagedRows], plan: ObjectPlan, columns: list[tuple[Field, str]]
) -> None:
    """Raise an error that names the field."""
    typed = [field for field, _ in columns if field.duckdb_type != "VARCHAR"]
    counts = [f"count(*) filter (where {_misfits(field)})" for field in typed]
    for rows in not_empty(staged):
        found = con.execute(
            f'select {", ".join(["""count(*) filter (where "Id" is null)""", *counts])} from {reader(rows, plan)}',
            {"file": str(rows.path)},
        ).fetchall()[0]
        for name, data_type, count in zip(
            ["Id", *(field.name for field in typed)],
            ["Id", *(field.duckdb_type for field in typed)],
            found,
            strict=True,
        ):
            if count:
                raise UnreadableValue(
                    f"{plan.name}.{name}: {count} values that Salesforce sent are no {data_type}, though describe says "
                    "so. Nothing of this window was committed. Read the field's definition in Setup; leave it out of "
                    "the config until it is mended."
                )


def not_empty(staged: Sequence[StagedRows]) -> list[StagedRows]:
    return [rows for rows in staged if rows.row_count]


def _longest_row(plan: ObjectPlan) -> int:
    """So many bytes a row has at most."""
    characters = sum(len(field.name) + (field.length or _CHARACTERS) for field in plan.fields)
    return USUAL_ROW_BYTES if characters * _BYTES_PER_CHARACTER < USUAL_ROW_BYTES else LONGEST_ROW_BYTES


def _misfits(field: Field) -> str:
    """Whether the text of a field can't become a value of its type."""
    text = _q(field.name)
    value = f"try_cast({text} as {field.duckdb_type})"
    if field.duckdb_type == "BIGINT":
        value = f"case when contains({text}, '.') then {_whole(text, otherwise='null')} else {value} end"
    return f"{text} is not null and {value} is null"


def _whole(text: str, *, otherwise: str) -> str:
    number = f"try_cast({text} as decimal(18, 3))"
    return f"case when {number} = trunc({number}) then {number}::bigint else {otherwise} end"


_q = quote_identifier
