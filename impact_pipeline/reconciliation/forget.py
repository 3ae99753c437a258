"""
A record's values, erased in every file of ours; what keeps us from sending twice stays.

What stays: Ids, OrderIds and event_ids, event type codes, times, states, and the money that finance has closed months
with. What goes: every other value of the record, of its history and of its lines. DuckDB keeps old text in its file, so
each file is written anew. Killed at any moment, it is asked for again and goes on: each step finds what is left to do.
"""

import secrets
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from shutil import rmtree

import duckdb

from impact_pipeline.capture.load import KEPT_STAMPS, salesforce_ids
from impact_pipeline.capture.tables import column_types, past_table, table
from impact_pipeline.config.history import STAGES, field_history
from impact_pipeline.config.load import Config
from impact_pipeline.outbox.moves import carry_out, list_moves
from impact_pipeline.warehouse import alive, lease
from impact_pipeline.warehouse.backup import BackupDamaged, backups_of, kept_copies_of, rewrite_manifest, verify
from impact_pipeline.warehouse.connection import Warehouse, WarehouseError
from impact_pipeline.warehouse.publish import publish, readers_path
from impact_pipeline.warehouse.rewrite import rewrite
from impact_pipeline.warehouse.sql import quote_identifier, sql_file

LANES = ("capture", "reread", "submit", "confirm")
LEASE_SECONDS = 1800.0
# Columns that stay, by table; every other one of the record's rows becomes null, also those that a mapping added.
_KEPT = {
    "conversions.conversion": (
        "event_id change_id object Id event type_kind event_at amount item_count config_hash mapped_at CampaignId "
        "ActionTrackerId EventTypeCode EventDate OrderId CurrencyCode"
    ),
    "conversions.item": "event_id item_number amount ItemSku ItemQuantity ItemSubTotal",
}
_OF_RECORD = "object = $object and Id = $id"
_EVENTS = f"event_id in (select event_id from outbox.request where {_OF_RECORD})"
_UNSENT = (
    f"event_id in (select event_id from conversions.conversion where {_OF_RECORD}) and event_id not in "
    "(select event_id from outbox.request where Type = 'Conversion' and state not in ('ready', 'withdrawn'))"
)
_REQUESTS = f"request_id in (select request_id from outbox.request where {_OF_RECORD})"
_ACTIONS = (
    "(CampaignId, ActionTrackerId, Oid) in "
    f"(select (CampaignId, ActionTrackerId, OrderId) from outbox.request where {_OF_RECORD})"
)
# Table, what becomes of its rows, and which rows; in this order.
_ERASED = (
    ("changes.change", "set before = null, after = null", f"{_OF_RECORD} and coalesce(before, after) is not null"),
    ("conversions.item", "delete", _UNSENT),
    ("conversions.conversion", "delete", _UNSENT),
    ("conversions.customer", "delete", _OF_RECORD),
    ("conversions.word", "set reason = 'forgotten'", _OF_RECORD),
    (
        "outbox.request",
        "set payload = case when Type <> 'Conversion' then payload end, CustomerId = null",
        _OF_RECORD,
    ),
    (
        "audit.attempt",
        "set masked_payload = regexp_replace(masked_payload, '=[^&]*', '=…', 'g'), answer = null",
        _REQUESTS,
    ),
    ("audit.action", "set CustomerId = null, CustomerStatus = null, Note = null", _ACTIONS),
)


class NothingToForget(Exception):
    """No record of that Id is known here, or more than one; nothing was erased."""


class ForgetRefused(Exception):
    """Not now: a run is at work, or a lost answer may need the body again. Nothing was erased."""


@dataclass(frozen=True, kw_only=True)
class Forgotten:
    """
    What was erased: the receipt.

    Args:
        rows: table → rows whose values were erased in the warehouse.
        files: names of the files that were written anew or removed.
        damaged: backups that could not be read, and so may still hold values.
        linked: records here that refer to this one and were left as they are, as (object, Id).
    """

    object: str
    Id: str
    asked_at: datetime
    finished_at: datetime | None
    rows: dict[str, int]
    files: tuple[str, ...]
    damaged: tuple[str, ...]
    linked: tuple[tuple[str, str], ...]


def forget(
    warehouse: Warehouse,
    config: Config,
    record_id: str,
    *,
    reason: str,
    said_by: str,
    run_id: str,
    clock: Callable[[], datetime],
    on_step: Callable[[str], None] = lambda step: None,
) -> Forgotten:
    """
    Erase a record's values in the warehouse, the readers' copy, the backups beside them and what lies staged.

    Args:
        record_id: of 15 or 18 characters.
        on_step: told what is done next, in words.

    Raises:
        NothingToForget, ForgetRefused: nothing was erased.
        WarehouseLocked: somebody holds a file; asked for again, it goes on.
    """
    with _alone(warehouse, run_id, clock) as renew:
        now = clock()
        on_step("erasing the values")
        with warehouse.transaction() as con:
            object_name, full_id = _subject(con, record_id)
            refuse_open(con, object_name, full_id)
            linked = _linked(con, object_name, full_id, children := children_of(config, object_name))
            rows = erase(con, object_name, full_id, children, said_by=said_by, run_id=run_id, now=now)
            receipt = _receipt(con, object_name, full_id, rows, reason=reason, said_by=said_by, now=now)
        on_step("writing the warehouse anew")
        rewrite(warehouse)
        files = [warehouse.path.name]
        renew()
        if readers_path(warehouse.path).exists():
            on_step("writing the readers' copy anew")
            publish(warehouse, now=clock())
            files.append(readers_path(warehouse.path).name)
        damaged = []
        backups = backups_of(warehouse.path)
        for copy in (*backups, *kept_copies_of(warehouse.path)):
            renew()
            on_step(f"erasing in {copy.name}")
            if copy in backups and not _is_whole(copy, object_name, full_id):
                damaged.append(copy.name)
                continue
            with Warehouse(path=copy).transaction() as con:
                erase(con, object_name, full_id, children, said_by=said_by, run_id=run_id, now=now)
            rewrite(Warehouse(path=copy))
            if copy in backups:
                rewrite_manifest(copy)
            files.append(copy.name)
        files += _remove_staged(warehouse.path)
        finished_at = None if damaged else clock()
        with warehouse.transaction() as con:
            con.execute(
                "update audit.erasure set finished_at = $finished_at, files = $files where erasure_id = $receipt",
                {"finished_at": finished_at, "files": files, "receipt": receipt},
            )
    return Forgotten(
        object=object_name,
        Id=full_id,
        asked_at=now,
        finished_at=finished_at,
        rows=rows,
        files=tuple(files),
        damaged=tuple(damaged),
        linked=tuple(linked),
    )


def rehearse(
    con: duckdb.DuckDBPyConnection, config: Config, record_id: str, *, now: datetime
) -> tuple[str, str, dict[str, int], list[tuple[str, str]]]:
    """What forgetting would erase in the warehouse: object, Id, rows by table, linked records. Undo the transaction."""
    object_name, full_id = _subject(con, record_id)
    refuse_open(con, object_name, full_id)
    children = children_of(config, object_name)
    linked = _linked(con, object_name, full_id, children)
    rows = erase(con, object_name, full_id, children, said_by="rehearsal", run_id="rehearsal", now=now)
    return object_name, full_id, rows, linked


def children_of(config: Config, object_name: str) -> list[tuple[str, str]]:
    """The objects whose rows belong to a record and are forgotten with it, each with its field that names it."""
    told = field_history(object_name, "")
    children = [(told.object, told.parent)]
    if object_name == "Opportunity":
        children.append((STAGES.object, STAGES.parent))
    if (lines := config.lines().get(object_name)) is not None:
        children.append(lines)
    return children


def refuse_open(con: duckdb.DuckDBPyConnection, object_name: str, record_id: str) -> None:
    """Raise ForgetRefused while a conversion is under way whose body may have to be sent once more."""
    count = _count(con, _sql("forget_under_way.sql"), {"object": object_name, "id": record_id})
    if count:
        raise ForgetRefused(
            f"{count} conversions of {record_id} are being sent, or their answer was lost: without their bodies "
            "that can't be settled. Let impact-pipeline run settle them (explain shows it), then ask again."
        )


def erase(
    con: duckdb.DuckDBPyConnection,
    object_name: str,
    record_id: str,
    children: Collection[tuple[str, str]],
    *,
    said_by: str,
    run_id: str,
    now: datetime,
) -> dict[str, int]:
    """
    Erase the values in the tables, in the caller's transaction; the rows that were touched, by table.

    Done once more it changes nothing. From now on the record is captured without values and makes no changes.
    """
    subject = {"object": object_name, "id": record_id}
    con.execute(_sql("forget_keys.sql"), {**subject, "salt": secrets.token_hex(16), "now": now})
    list_moves(con)
    con.execute(_sql("forget_moves.sql"), subject)
    carry_out(con, run_id=run_id, now=now, decided_by=said_by)
    con.execute(_sql("forget_decisions.sql"), {**subject, "run_id": run_id, "said_by": said_by, "now": now})
    con.execute(
        "delete from conversions.open_decision "
        f"where change_id in (select change_id from changes.change where {_OF_RECORD})",
        subject,
    )
    rows = {}
    for name, field in ((object_name, "Id"), *children):
        con.execute(
            "insert into raw._forgotten select $object, $field, $id, $now "
            "where not exists (select 1 from raw._forgotten where (object, field, Id) = ($object, $field, $id))",
            {"object": name, "field": field, "id": record_id, "now": now},
        )
        rows[f"raw.{name}"] = _erase_raw(con, name, field, record_id)
    for name, change, which in _ERASED:
        rows[name] = rows.get(name, 0) + _changed(con, name, change, which, subject)
    for name, kept in _KEPT.items():
        nulled = ", ".join(f"{_q(column)} = null" for column in _columns(con, name) if column not in kept.split())
        rows[name] += _changed(con, name, f"set {nulled}", _EVENTS, subject)
    return {name: count for name, count in rows.items() if count}


def _erase_raw(con: duckdb.DuckDBPyConnection, name: str, field: str, record_id: str) -> int:
    """Empty the rows of raw.<name> and its past that name the record, but for Ids and stamps."""
    types = column_types(con, name)
    if field not in types:
        return 0
    ids = {
        column
        for (column,) in con.execute(
            "select field from raw._field where object = ? and type in ('id', 'masterrecord', 'reference')",
            [name],
        ).fetchall()
    }
    nulled = ", ".join(f"{_q(column)} = null" for column in types if column not in ids | KEPT_STAMPS | {"Id"})
    if not nulled:
        return 0
    return sum(
        _count(con, f"update {target} set {nulled} where {_q(field)} = $id", {"id": record_id})
        for target in (table(name), past_table(name))
    )


def _changed(con: duckdb.DuckDBPyConnection, name: str, change: str, which: str, subject: dict[str, str]) -> int:
    schema, _, plain = name.partition(".")
    target = f"{_q(schema)}.{_q(plain)}"
    statement = f"delete from {target}" if change == "delete" else f"update {target} {change}"
    return _count(con, f"{statement} where {which}", subject)


def _is_whole(backup: Path, object_name: str, record_id: str) -> bool:
    try:
        verify(backup)
    except BackupDamaged:
        # Killed between the file and its manifest, it has forgotten already; else nobody knows what it is.
        try:
            with Warehouse(path=backup).reading() as con:
                sql = "select count(*) from raw._forgotten where object = $object and Id = $id"
                return _count(con, sql, {"object": object_name, "id": record_id}) > 0
        except (duckdb.Error, WarehouseError):
            return False
    return True


@contextmanager
def _alone(warehouse: Warehouse, run_id: str, clock: Callable[[], datetime]) -> Iterator[Callable[[], None]]:
    """Hold every lane, so that no run reads or sends meanwhile; gives what prolongs that."""
    tokens: dict[str, int] = {}
    with alive.living(warehouse.path, run_id):
        try:
            with warehouse.transaction() as con:
                for lane in LANES:
                    token = alive.take_lane(con, warehouse.path, lane, run_id, clock(), LEASE_SECONDS)
                    if token is None:
                        raise ForgetRefused(f"A run is at work (lane {lane}). Let it end, then ask again.")
                    tokens[lane] = token

            def renew() -> None:
                with warehouse.transaction() as con:
                    for lane, token in tokens.items():
                        if not lease.renew(con, lane, run_id, token, clock(), LEASE_SECONDS):
                            raise ForgetRefused(f"Another run took the lane {lane} over. Ask again; it goes on.")

            yield renew
        finally:
            with warehouse.transaction() as con:
                for lane, token in tokens.items():
                    lease.release(con, lane, run_id, token)


def _subject(con: duckdb.DuckDBPyConnection, record_id: str) -> tuple[str, str]:
    """The object and the whole Id of a record that is known here."""
    (full_id,) = salesforce_ids(con, [record_id])
    found = {(name, known) for name, known in con.execute(_sql("forget_subject.sql"), {"id": full_id}).fetchall()}
    objects = con.execute("select distinct object from raw._field where field = 'Id'").fetchall()
    for (name,) in objects:
        if con.execute(f'select 1 from {table(name)} where "Id" = ?', [full_id]).fetchone():
            found.add((name, full_id))
    if len(found) != 1:
        raise NothingToForget(
            f"No record {record_id} is known here: nothing of it is in the warehouse. Give a Salesforce Id of 15 or 18 "
            "characters; they are case-sensitive."
            if not found
            else f"{record_id} is an Id of {len(found)} objects here; this must not happen, report it."
        )
    return found.pop()


def _linked(
    con: duckdb.DuckDBPyConnection, object_name: str, record_id: str, children: Collection[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Other records here that refer to this one, by object and Id."""
    linked = set()
    for name, field in con.execute(_sql("forget_linked.sql"), {"object": object_name}).fetchall():
        if (name, field) not in children and field in column_types(con, name):
            rows = con.execute(f'select "Id" from {table(name)} where {_q(field)} = ?', [record_id]).fetchall()
            linked |= {(name, found) for (found,) in rows}
    return sorted(linked)


def _receipt(
    con: duckdb.DuckDBPyConnection,
    object_name: str,
    record_id: str,
    rows: dict[str, int],
    *,
    reason: str,
    said_by: str,
    now: datetime,
) -> int:
    row = con.execute(
        "insert into audit.erasure (object, Id, reason, said_by, asked_at, rows, files) "
        "values ($object, $id, $reason, $said_by, $now, map($tables, $counts), []) returning erasure_id",
        {
            "object": object_name,
            "id": record_id,
            "reason": reason,
            "said_by": said_by,
            "now": now,
            "tables": list(rows),
            "counts": list(rows.values()),
        },
    ).fetchone()
    return int(row[0]) if row else 0


def _remove_staged(warehouse: Path) -> list[str]:
    """Remove what killed runs have left on the way to the warehouse; notes of bulk jobs hold no values and stay."""
    staging = Path(f"{warehouse}.staging")
    removed = [path for path in staging.glob("*") if path.is_dir()] if staging.is_dir() else []
    for path in removed:
        rmtree(path)
    return [f"{staging.name}/{path.name}" for path in removed]


def _columns(con: duckdb.DuckDBPyConnection, name: str) -> list[str]:
    return [column for (column,) in con.execute("select name from pragma_table_info(?)", [name]).fetchall()]


def _count(con: duckdb.DuckDBPyConnection, sql: str, values: dict[str, str]) -> int:
    row = con.execute(sql, values).fetchone()
    return int(row[0]) if row else 0


def _sql(name: str) -> str:
    return sql_file(__file__, name)


_q = quote_identifier
