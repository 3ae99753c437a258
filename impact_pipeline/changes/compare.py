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
    ((first,),) = con.execute("select coalesce(max(change_id), 0) from changes.change").fetchall()
    columns = _columns(con)
    fresh = _fresh(con, objects, columns)
    for watched in objects:
        if watched.name not in columns:
            continue
        for history in watched.histories:
            if fresh.keys() & {history.object, watched.name} and history.object in columns:
                _find_passages(con, watched.name, history, cycle_id, now)
        if watched.name in fresh:
            sql = difference_sql(watched.name, columns[watched.name])
            con.execute(sql, {"object": watched.name, "cycle_id": cycle_id, "now": now})
        if watched.items is not None and watched.items[0] in fresh:
            items, parent = watched.items
            sql = _item_change_sql(watched.name, items, parent, columns[items])
            con.execute(sql, {"object": watched.name, "items": items, "cycle_id": cycle_id, "now": now})
    _move_cursors(con, fresh)
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


def _find_passages(
    con: duckdb.DuckDBPyConnection, name: str, history: HistorySource, cycle_id: str, now: datetime
) -> None:
    sql = sql_file(__file__, "passages.sql").format(
        record_table=f"raw.{_q(name)}",
        record_version_table=f"raw.{_q(name + '_version')}",
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


def _item_change_sql(name: str, items: str, parent: str, columns: list[str]) -> str:
    compared = [f for f in columns if f not in SYSTEM_FIELDS and not f.startswith("_")]
    return sql_file(__file__, "item_changes.sql").format(
        record_table=f"raw.{_q(name)}",
        item_version_table=f"raw.{_q(items + '_version')}",
        parent=_q(parent),
        common=_common(compared),
        differing=_list([f"case when {_differs(f)} then '{f}' end" for f in compared]),
    )


def _common(compared: list[str]) -> str:
    """Columns of `common`: whether two sets of fields both hold a field, in the same form."""
    return (
        _list([f"coalesce(n.forms['{f}'] = p.forms['{f}'], false) as {_q('c_' + f)}" for f in compared]) or "1 as none"
    )


def _differs(field: str) -> str:
    """Whether a field that both versions were captured with has another value."""
    return f"(c.{_q('c_' + field)} and n.{_q(field)} is distinct from p.{_q(field)})"


def _fresh(
    con: duckdb.DuckDBPyConnection, objects: list[WatchedObject], columns: dict[str, list[str]]
) -> dict[str, int]:
    """Object → its newest version, of those that have any which was not compared yet."""
    compared = dict(con.execute("select object, version_id from changes.cursor").fetchall())
    names = {w.name for w in objects} | {h.object for w in objects for h in w.histories}
    names |= {w.items[0] for w in objects if w.items is not None}
    fresh = {}
    for name in sorted(names & columns.keys()):
        sql = f'select coalesce(max("_version_id"), 0) from raw.{_q(name + "_version")}'
        ((newest,),) = con.execute(sql).fetchall()
        if newest > compared.get(name, 0):
            fresh[name] = newest
    return fresh


def _move_cursors(con: duckdb.DuckDBPyConnection, fresh: dict[str, int]) -> None:
    for name, newest in fresh.items():
        con.execute(
            "merge into changes.cursor as c using (select $object as object, $newest as version_id) as n "
            "on c.object = n.object when matched then update set version_id = n.version_id "
            "when not matched then insert (object, version_id) values (n.object, n.version_id)",
            {"object": name, "newest": newest},
        )


def _columns(con: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """Object → its columns in raw.*, of those that were captured."""
    rows = con.execute(
        "select table_name, list(column_name order by column_index) from duckdb_columns() "
        "where database_name = current_database() and schema_name = 'raw' group by table_name"
    ).fetchall()
    return dict(rows)


def _list(parts: list[str]) -> str:
    return ",\n           ".join(parts)


_q = quote_identifier
