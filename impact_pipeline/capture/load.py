"""
Staged files → raw.<Object>, set-based, inside the caller's transaction; what is superseded moves to raw.<Object>_past.

A row that equals the current one in every captured field writes nothing. Text stays as it came; what can't become the
type that describe names is an error, never a null.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import duckdb

from impact_pipeline.capture.fields import Field
from impact_pipeline.capture.objects import ObjectPlan
from impact_pipeline.capture.salesforce.errors import IncompletePage
from impact_pipeline.capture.staged_text import ID_MACRO, name_misfits, not_empty, reader, typed_value
from impact_pipeline.capture.staging import StagedRows
from impact_pipeline.capture.tables import column_types, growing_sets, past_table, table, typed_columns
from impact_pipeline.warehouse.sql import quote_identifier, sql_file

# What is kept of a forgotten record beside its Ids, so that windows, deletions and counts go on.
KEPT_STAMPS = frozenset({"CreatedDate", "LastModifiedDate", "SystemModstamp", "IsDeleted"})
# Up to so much is compared with a copy of its records' current rows: memory has to hold both.
FEW_BYTES = 32 * 1024 * 1024
_CUT_OFF = (
    "A page was cut off on its way, perhaps by a proxy. Nothing of it was committed; run again, and it is read again."
)


@dataclass(frozen=True, kw_only=True)
class LoadContext:
    """
    What all versions of one load have in common.

    Args:
        captured_at: when the rows were read, UTC.
        field_set_id: number of the plan's set of fields.
    """

    captured_at: datetime
    cycle_id: str
    field_set_id: int
    is_first_load: bool = False


def load_rows(
    con: duckdb.DuckDBPyConnection, plan: ObjectPlan, staged: Sequence[StagedRows], context: LoadContext
) -> int:
    """
    Merge staged rows into the object's tables; how many versions that made.

    Raises:
        UnreadableValue: some value doesn't fit its field's type; names object, field and how many rows.
        IncompletePage: fewer rows can be read than were sent.
    """
    if not any(rows.row_count for rows in staged):
        return 0
    types = column_types(con, plan.name)
    columns = typed_columns(types, plan)
    con.execute(ID_MACRO)
    forgotten = _forgotten(con, plan)
    try:
        # Values that may not be kept must not reach the file, not even for a moment: old text stays in it.
        made = _append(con, plan, staged, context, columns) if context.is_first_load and not forgotten else None
        return _merge(con, plan, staged, context, types, columns, forgotten) if made is None else made
    except (duckdb.ConversionException, duckdb.InvalidInputException, duckdb.OutOfRangeException) as error:
        # The transaction is lost anyhow, and inside it nothing more could be asked.
        con.rollback()
        with suppress(duckdb.InvalidInputException):
            name_misfits(con, staged, plan, columns)
        raise IncompletePage(f"{plan.name}: {_CUT_OFF}") from error


def _append(
    con: duckdb.DuckDBPyConnection,
    plan: ObjectPlan,
    staged: Sequence[StagedRows],
    context: LoadContext,
    columns: list[tuple[Field, str]],
) -> int | None:
    """
    Take rows as the first versions of their records, without comparing them with any; how many they are.

    None, and nothing is done, where some record came twice or was there before.
    """
    before = con.execute("select nextval('raw.version_id')").fetchall()[0][0]
    for rows in not_empty(staged):
        append = sql_file(__file__, "load_append.sql").format(
            table=table(plan.name),
            columns=_columns(plan.field_names),
            typed=_list([typed_value(field, kind) for field, kind in columns]),
            is_deleted=_is_deleted(plan, columns),
            reader=reader(rows, plan),
        )
        values = {
            "file": str(rows.path),
            "captured_at": context.captured_at,
            "field_set_id": context.field_set_id,
            "cycle_id": context.cycle_id,
        }
        con.execute(append, values)
    appended = sql_file(__file__, "load_appended.sql").format(table=table(plan.name))
    read, with_id, ids, known = con.execute(appended, {"before": before}).fetchall()[0]
    _refuse_incomplete(plan, staged, read)
    if with_id < read:
        name_misfits(con, staged, plan, columns)
    if ids == read and not known:
        return int(read)
    con.execute(f'delete from {table(plan.name)} where "_version_id" > $before', {"before": before})
    return None


def _merge(
    con: duckdb.DuckDBPyConnection,
    plan: ObjectPlan,
    staged: Sequence[StagedRows],
    context: LoadContext,
    types: Mapping[str, str],
    columns: list[tuple[Field, str]],
    forgotten: Collection[str],
) -> int:
    """Compare rows with the current ones of their records; how many versions that made."""
    _read_typed(con, staged, plan, columns)
    if forgotten:
        _erase(con, plan, forgotten)
    stamp = _q(plan.description.cursor_field)
    differs = [f"n.{_q(name)} is distinct from o.{_q(name)}" for name in plan.field_names]
    current = _current(con, plan, staged)
    changed = sql_file(__file__, "load_changed.sql").format(
        current=current,
        stamp=stamp,
        differs="\n                     or ".join(differs),
        # The versions of a baseline all count as one moment, so nobody asks in which order they were made.
        order="" if context.is_first_load else f'order by n.{stamp}, n."Id"',
    )
    con.execute(changed, {"growing": growing_sets(con, plan)})
    con.execute(sql_file(__file__, "load_mark.sql"))
    captured = set(plan.field_names)
    uncaptured = types.keys() - captured
    insert = sql_file(__file__, "load_insert.sql").format(
        table=table(plan.name),
        past_table=past_table(plan.name),
        columns=_columns(types),
        values=_list([f"{'n' if name in captured else 'o'}.{_q(name)}" for name in types], 15),
        # A field that vanished keeps its last value.
        before=f'left join {past_table(plan.name)} as o on o."_version_id" = n."_previous_version_id"'
        if uncaptured
        else "",
    )
    values = {
        "captured_at": context.captured_at,
        "field_set_id": context.field_set_id,
        "cycle_id": context.cycle_id,
        "is_first_load": context.is_first_load,
    }
    made = _replace_current(con, plan, insert, values, current=current)
    # Committing needs the memory that they would hold.
    con.execute("drop table capture_rows")
    con.execute("drop table if exists capture_current")
    return made


def living(con: duckdb.DuckDBPyConnection, object_name: str, ids: Collection[str]) -> list[str]:
    """Of these Ids those that raw.<Object> holds as living, sorted; of 15 or 18 characters."""
    if not ids:
        return []
    rows = con.execute(
        f'select "Id" from {table(object_name)} where not "_is_deleted" and "Id" in (select unnest($ids)) order by 1',
        {"ids": salesforce_ids(con, ids)},
    ).fetchall()
    return [record_id for (record_id,) in rows]


def salesforce_ids(con: duckdb.DuckDBPyConnection, ids: Collection[str]) -> list[str]:
    """The Ids in their form of 18 characters, in the same order."""
    con.execute(ID_MACRO)
    rows = con.execute("select salesforce_id(id) from (select unnest($ids) as id)", {"ids": list(ids)}).fetchall()
    return [record_id for (record_id,) in rows]


def staged_ids(con: duckdb.DuckDBPyConnection, staged: Sequence[StagedRows], plan: ObjectPlan) -> None:
    """Put staged rows into temp table capture_text as they came, for a comparison of Ids."""
    con.execute(ID_MACRO)
    columns = ", ".join(f"{_q(name)} varchar" for name in plan.field_names)
    con.execute(f"create or replace temp table capture_text ({columns})")
    for rows in not_empty(staged):
        names = _list([_q(name) for name in rows.columns])
        con.execute(
            f"insert into capture_text ({names}) select {names} from {reader(rows, plan)}", {"file": str(rows.path)}
        )
    _refuse_incomplete(plan, staged, *con.execute("select count(*) from capture_text").fetchall()[0])


def mark_gone(
    con: duckdb.DuckDBPyConnection,
    plan: ObjectPlan,
    ids: Collection[str],
    context: LoadContext,
    *,
    how: str,
    is_deleted: bool,
) -> int:
    """
    Write a version of each living record that is gone; how many that made.

    Args:
        how: what tells it, for _deleted_how.
        is_deleted: False where it isn't proven.
    """
    if not ids:
        return 0
    gone = sql_file(__file__, "load_gone.sql").format(table=table(plan.name))
    con.execute(gone, {"ids": list(ids), "is_deleted": is_deleted})
    insert = sql_file(__file__, "load_insert_gone.sql").format(
        table=table(plan.name),
        past_table=past_table(plan.name),
        columns=_columns(column_types(con, plan.name)),
    )
    values = {
        "how": how,
        "is_deleted": is_deleted,
        "captured_at": context.captured_at,
        "cycle_id": context.cycle_id,
    }
    return _replace_current(con, plan, insert, values, current=table(plan.name))


def _read_typed(
    con: duckdb.DuckDBPyConnection, staged: Sequence[StagedRows], plan: ObjectPlan, columns: list[tuple[Field, str]]
) -> None:
    """Put the rows of all files into temp table capture_rows, in the order of reading, one for each record."""
    shapes = {
        "typed": _list([f"{typed_value(field, kind)} as {_q(field.name)}" for field, kind in columns]),
        "is_deleted": _is_deleted(plan, columns),
    }
    names = _columns([*plan.field_names, "_is_deleted", "_version_id", "_previous_version_id"])
    for number, rows in enumerate(not_empty(staged)):
        typed = sql_file(__file__, "load_typed.sql").format(**shapes, reader=reader(rows, plan))
        begin = f"insert into capture_rows ({names})" if number else "create or replace temp table capture_rows as"
        con.execute(f"{begin}\n{typed}", {"file": str(rows.path)})
    read, with_id, ids = con.execute('select count(*), count("Id"), count(distinct "Id") from capture_rows').fetchall()[
        0
    ]
    _refuse_incomplete(plan, staged, read)
    if with_id < read:
        name_misfits(con, staged, plan, columns)
    if ids < read:
        con.execute(sql_file(__file__, "load_newest.sql").format(stamp=_q(plan.description.cursor_field)))


def _forgotten(con: duckdb.DuckDBPyConnection, plan: ObjectPlan) -> list[str]:
    """The fields of the object by which rows can name a record that was forgotten on request."""
    rows = con.execute("select distinct field from raw._forgotten where object = ?", [plan.name]).fetchall()
    return [field for (field,) in rows if field in plan.field_names]


def _erase(con: duckdb.DuckDBPyConnection, plan: ObjectPlan, forgotten: Collection[str]) -> None:
    """Leave only Ids and stamps of rows that name a forgotten record."""
    emptied = [f"{_q(field.name)} = null" for field in plan.fields if not (field.is_id or field.name in KEPT_STAMPS)]
    if not emptied:
        return
    for name in forgotten:
        con.execute(
            f"update capture_rows set {', '.join(emptied)} "
            f"where {_q(name)} in (select Id from raw._forgotten where object = $object and field = $field)",
            {"object": plan.name, "field": name},
        )


def _refuse_incomplete(plan: ObjectPlan, staged: Sequence[StagedRows], read: int) -> None:
    expected = sum(rows.row_count for rows in staged)
    if read != expected:
        raise IncompletePage(f"{plan.name}: {expected} rows were announced, but {read} came. {_CUT_OFF}")


def _current(con: duckdb.DuckDBPyConnection, plan: ObjectPlan, staged: Sequence[StagedRows]) -> str:
    """
    A table with the current rows of the records in capture_rows.

    Of few rows it is a copy: finding them takes unpacking each column of all rows, and both who compares them and who
    moves them to the past would do that.
    """
    if sum(rows.path.stat().st_size for rows in staged) > FEW_BYTES:
        return table(plan.name)
    con.execute(sql_file(__file__, "load_current.sql").format(table=table(plan.name)))
    return "capture_current"


def _replace_current(
    con: duckdb.DuckDBPyConnection, plan: ObjectPlan, insert: str, values: dict[str, object], *, current: str
) -> int:
    """
    Move what capture_changed names to the past and carry out `insert`; how many versions that made.

    Args:
        current: a table that has the rows to be moved.
    """
    changed, superseding = con.execute("select count(*), count(previous_version_id) from capture_changed").fetchall()[0]
    if superseding:
        names = {"table": table(plan.name), "past_table": past_table(plan.name), "current": current}
        for step in ("load_supersede.sql", "load_remove.sql"):
            con.execute(sql_file(__file__, step).format(**names))
    if changed:
        con.execute(insert, values)
    return int(changed)


def _is_deleted(plan: ObjectPlan, columns: list[tuple[Field, str]]) -> str:
    told = [typed_value(field, kind) for field, kind in columns if field.name == "IsDeleted"]
    return f"coalesce({told[0]}, false)" if told else "false"


def _columns(names: Iterable[str]) -> str:
    return _list([_q(name) for name in names])


def _list(parts: list[str], indent: int = 7) -> str:
    return (",\n" + " " * indent).join(parts)


_q = quote_identifier
