"""
raw.* → changes.*: what differs between a record's versions, by value.

The stamp says that somebody wrote; only values say that something changed. A version is compared with the version
before it, field by field, and only in fields that both were captured with. The history objects of Salesforce tell the
stages that were passed between two captures; each passage is a change of its own, with its own time.
"""

from dataclasses import dataclass
from datetime import datetime

import duckdb

from impact_pipeline.config.history import HistorySource
from impact_pipeline.warehouse.sql import quote_identifier, sql_file

# They move without a change that anybody made to the record's content (Salesforce REST API guide, system fields).
SYSTEM_FIELDS = frozenset(
    {
        "Id",
        "CreatedDate",
        "IsDeleted",
        "LastActivityDate",
        "LastModifiedById",
        "LastModifiedDate",
        "LastReferencedDate",
        "LastViewedDate",
        "SystemModstamp",
    }
)


@dataclass(frozen=True, kw_only=True)
class WatchedObject:
    """
    An object whose changes are wanted.

    Args:
        name: API name.
        histories: the history objects that tell its passages.
        items: (object of the lines, its field that refers to this one), or None.
    """

    name: str
    histories: tuple[HistorySource, ...] = ()
    items: tuple[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class ChangeCounts:
    """How many changes of which kind were found, by (object, kind)."""

    by_kind: dict[tuple[str, str], int]

    @property
    def total(self) -> int:
        return sum(self.by_kind.values())


def find_changes(
    con: duckdb.DuckDBPyConnection, objects: list[WatchedObject], *, cycle_id: str, now: datetime
) -> ChangeCounts:
    """
    Append to changes.change what is new in raw.* since the last call, and move changes.cursor.

    Runs in the caller's transaction.
    A call without new versions writes nothing. An object that was never captured is passed over.

    Args:
        now: time of detection, UTC.
    """
    first = _one(con, "select coalesce(max(change_id), 0) from changes.change")
    for watched in objects:
        if not _columns(con, f"{watched.name}_version"):
            continue
        for history in watched.histories:
            _find_passages(con, watched.name, history, cycle_id, now)
        _find_differences(con, watched.name, cycle_id, now)
        if watched.items is not None:
            _find_item_changes(con, watched.name, *watched.items, cycle_id=cycle_id, now=now)
    _move_cursors(con, objects)
    rows = con.execute(
        "select object, kind, count(*) from changes.change where change_id > ? group by all order by all", [first]
    ).fetchall()
    return ChangeCounts(by_kind={(name, kind): count for name, kind, count in rows})


def difference_sql(name: str, columns: list[str]) -> str:
    """The statement that compares the new versions of object `name`, whose captured fields are `columns`."""
    compared = [field for field in columns if field not in SYSTEM_FIELDS and not field.startswith("_")]
    differs = {f: _differs(f) for f in compared}
    structs = _list(
        [
            f"case when {differs[f]} "
            f"then {{'field': '{f}', 'before': p.{_q(f)}::varchar, 'after': n.{_q(f)}::varchar}} end"
            for f in compared
        ]
    )
    merged = 'n."MasterRecordId" is not null' if "MasterRecordId" in columns else "false"
    converted = 'n."IsConverted" and not p."IsConverted"' if "IsConverted" in columns else "false"
    modified = 'n."LastModifiedDate"' if "LastModifiedDate" in columns else 'n."SystemModstamp"'
    stamp = "SystemModstamp" if "SystemModstamp" in columns else "LastModifiedDate"
    return sql_file(__file__, "differences.sql").format(
        version_table=f"raw.{_q(name + '_version')}",
        past_table=f"raw.{_q(name + '_past')}",
        common=_common(compared),
        any_differs=" or ".join(differs.values()) or "false",
        structs=structs or "null::struct(field varchar, before varchar, after varchar)",
        merged=merged,
        converted=converted,
        modified=modified,
        stamp=_q(stamp),
    )


def _find_differences(con: duckdb.DuckDBPyConnection, name: str, cycle_id: str, now: datetime) -> None:
    sql = difference_sql(name, _columns(con, name))
    con.execute(sql, {"object": name, "cycle_id": cycle_id, "now": now})


def _find_passages(
    con: duckdb.DuckDBPyConnection, name: str, history: HistorySource, cycle_id: str, now: datetime
) -> None:
    if not _columns(con, f"{history.object}_version"):
        return
    sql = sql_file(__file__, "passages.sql").format(
        record_table=f"raw.{_q(name)}",
        history_table=f"raw.{_q(history.object)}",
        history_version_table=f"raw.{_q(history.object + '_version')}",
        parent=_q(history.parent),
        value=_q(history.value),
        old_value=f"h.{_q(history.old_value)}::varchar" if history.old_value else "null::varchar",
        only=f"{_q('Field')} = '{history.field}'" if history.old_value else "true",
        is_row_history="false" if history.old_value else "true",
    )
    values = {"object": name, "history": history.object, "field": history.field, "cycle_id": cycle_id, "now": now}
    con.execute(sql, values)


def _find_item_changes(
    con: duckdb.DuckDBPyConnection, name: str, items: str, parent: str, *, cycle_id: str, now: datetime
) -> None:
    columns = _columns(con, items)
    if not columns:
        return
    compared = [f for f in columns if f not in SYSTEM_FIELDS and not f.startswith("_")]
    sql = sql_file(__file__, "item_changes.sql").format(
        record_table=f"raw.{_q(name)}",
        item_version_table=f"raw.{_q(items + '_version')}",
        parent=_q(parent),
        common=_common(compared),
        differing=_list([f"case when {_differs(f)} then '{f}' end" for f in compared]),
    )
    con.execute(sql, {"object": name, "items": items, "cycle_id": cycle_id, "now": now})


def _common(compared: list[str]) -> str:
    """Columns of `common`: whether two sets of fields both hold a field, in the same form."""
    return (
        _list([f"coalesce(n.forms['{f}'] = p.forms['{f}'], false) as {_q('c_' + f)}" for f in compared]) or "1 as none"
    )


def _differs(field: str) -> str:
    """Whether a field that both versions were captured with has another value."""
    return f"(c.{_q('c_' + field)} and n.{_q(field)} is distinct from p.{_q(field)})"


def _move_cursors(con: duckdb.DuckDBPyConnection, objects: list[WatchedObject]) -> None:
    names = {w.name for w in objects} | {h.object for w in objects for h in w.histories}
    names |= {w.items[0] for w in objects if w.items is not None}
    for name in sorted(names):
        if not _columns(con, f"{name}_version"):
            continue
        newest = _one(con, f'select coalesce(max("_version_id"), 0) from raw.{_q(name + "_version")}')
        con.execute(
            "update changes.cursor set version_id = $newest where object = $object and version_id < $newest",
            {"object": name, "newest": newest},
        )
        con.execute(
            "insert into changes.cursor select $object, $newest "
            "where not exists (select 1 from changes.cursor where object = $object)",
            {"object": name, "newest": newest},
        )


def _columns(con: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    rows = con.execute(
        "select column_name from duckdb_columns() where schema_name = 'raw' and table_name = ? order by column_index",
        [table],
    ).fetchall()
    return [name for (name,) in rows]


def _one(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    return int(row[0]) if row else 0


def _list(parts: list[str]) -> str:
    return ",\n           ".join(parts)


_q = quote_identifier
