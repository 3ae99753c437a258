"""
What is older than `retention` in pipeline.yaml is erased, and the file is written anew where that erased anything.

Only what nothing waits for any more: versions and values that carry a reported event stay, because later changes are
weighed against them. What a person asks to be forgotten goes at once, by forget.py.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import duckdb

from impact_pipeline.capture.tables import column_types, past_table, version_table
from impact_pipeline.config.models import Retention
from impact_pipeline.warehouse.backup import backups_of, manifest_path, read_manifest
from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline.warehouse.rewrite import rewrite
from impact_pipeline.warehouse.sql import quote_identifier, sql_file

RETENTION_JOB = "apply_retention"
# A little less than a day, so that a run at the same hour finds it due.
_EVERY = timedelta(hours=20)
# Of a conversion that has ended: Ids, codes, times and money, as they are compared with impact.com's actions.
KEPT = (
    "event_id change_id object Id event type_kind event_at amount item_count config_hash mapped_at content_md5 "
    "CampaignId ActionTrackerId EventTypeCode EventDate OrderId CurrencyCode CustomerStatus"
)


@dataclass(frozen=True, kw_only=True)
class Erased:
    """
    What was too old.

    Args:
        rows: table → rows whose values were erased.
        files: names of backups that were removed.
    """

    rows: dict[str, int] = field(default_factory=dict)
    files: tuple[str, ...] = ()


def is_due(warehouse: Warehouse, now: datetime) -> bool:
    """Whether it was applied longer than a day ago, or never."""
    with warehouse.reading() as con:
        newest = con.execute("select max(applied_at) from audit.retention").fetchone()
    return newest is None or newest[0] is None or now - newest[0] > _EVERY


def apply_retention(warehouse: Warehouse, retention: Retention, *, run_id: str, now: datetime) -> Erased:
    """
    Erase what is too old in the warehouse and among its backups; the readers' copy follows with the next cycle.

    Args:
        now: UTC.
    """
    removed = _remove_backups(warehouse, retention, now)
    with warehouse.transaction() as con:
        rows = erase_old(con, retention, now=now)
        con.execute(
            "insert into audit.retention values ($now, $run_id, map($tables, $counts), $files)",
            {
                "now": now,
                "run_id": run_id,
                "tables": list(rows),
                "counts": list(rows.values()),
                "files": removed,
            },
        )
    if rows:
        rewrite(warehouse)
    return Erased(rows=rows, files=tuple(removed))


def erase_old(con: duckdb.DuckDBPyConnection, retention: Retention, *, now: datetime) -> dict[str, int]:
    """Erase what is too old, in the caller's transaction; the rows that were touched, by table."""
    rows: dict[str, int] = {}
    if retention.versions is not None:
        before = now - retention.versions
        for (name,) in con.execute("select distinct object from raw._field order by 1").fetchall():
            sql = sql_file(__file__, "retention_versions.sql").format(
                version_table=version_table(name), past_table=past_table(name)
            )
            if column_types(con, name):
                rows[f"raw.{name}_past"] = _count(con, sql, {"object": name, "before": before})
        rows["changes.change"] = _count(con, sql_file(__file__, "retention_changes.sql"), {"before": before})
    if retention.payloads is not None:
        before = now - retention.payloads
        rows["outbox.request"] = _count(con, sql_file(__file__, "retention_bodies.sql"), {"before": before})
        rows["audit.attempt"] = _count(con, sql_file(__file__, "retention_attempts.sql"), {"before": before})
        columns = con.execute("select name from pragma_table_info('conversions.conversion')").fetchall()
        emptied = [quote_identifier(name) for (name,) in columns if name not in KEPT.split()]
        mapped = sql_file(__file__, "retention_mapped.sql").format(
            nulled=", ".join(f"{name} = null" for name in emptied), values=", ".join(emptied)
        )
        rows["conversions.conversion"] = _count(con, mapped, {"before": before})
    return {name: count for name, count in rows.items() if count}


def _remove_backups(warehouse: Warehouse, retention: Retention, now: datetime) -> list[str]:
    """Remove backups that are too old, but never the newest one."""
    if retention.backups is None:
        return []
    made = sorted((datetime.fromisoformat(read_manifest(path).made_at), path) for path in backups_of(warehouse.path))
    removed = []
    for made_at, path in made[:-1]:
        if made_at < now - retention.backups:
            path.unlink()
            manifest_path(path).unlink()
            removed.append(path.name)
    return removed


def _count(con: duckdb.DuckDBPyConnection, sql: str, values: dict[str, object]) -> int:
    row = con.execute(sql, values).fetchone()
    return int(row[0]) if row else 0
