"""
The readers' copy: what may be read by anybody, in a file of its own that is swapped in by one rename.

Opening it never blocks the pipeline, and who has the old one open keeps reading it. Left out: raw.*, and every column whose
comment starts with "private:".
"""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline.warehouse.sql import quote_identifier, quote_literal

PUBLISHED = ("changes", "conversions", "outbox", "audit", "reconciliation", "warehouse")
PRIVATE = "private:"
# Clients of DuckDB 1.2 and later can open it.
STORAGE_VERSION = "v1.2.0"


@dataclass(frozen=True, kw_only=True)
class PublishReport:
    """What was published: the file, tables and rows."""

    path: Path
    table_count: int
    row_count: int


def readers_path(warehouse: Path) -> Path:
    return warehouse.with_name("readers.duckdb")


def publish(warehouse: Warehouse, *, now: datetime) -> PublishReport:
    """Write the readers' copy anew and swap it in. A reader sees the old one or the new one, never a part."""
    target = readers_path(warehouse.path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.new")
    temporary.unlink(missing_ok=True)
    try:
        with warehouse.reading() as con:
            con.execute(
                f"attach {quote_literal(str(temporary))} as published (read_write, storage_version {quote_literal(STORAGE_VERSION)})"
            )
            temporary.chmod(0o600)
            row_count, table_count = _copy(con, now)
            con.execute("detach published")
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
        temporary.with_name(temporary.name + ".wal").unlink(missing_ok=True)
    return PublishReport(path=target, table_count=table_count, row_count=row_count)


def _copy(con: duckdb.DuckDBPyConnection, now: datetime) -> tuple[int, int]:
    database = con.execute("select current_database()").fetchall()[0][0]
    tables = con.execute(
        "select schema_name, table_name, comment from duckdb_tables() where database_name = $database "
        "and list_contains($schemas, schema_name) "
        "union all "
        "select schema_name, view_name, comment from duckdb_views() where database_name = $database "
        "and list_contains($schemas, schema_name) order by all",
        {"database": database, "schemas": list(PUBLISHED)},
    ).fetchall()
    row_count = 0
    for schema in PUBLISHED:
        con.execute(f"create schema published.{quote_identifier(schema)}")
    for schema, table, comment in tables:
        row_count += _copy_table(con, database, schema, table, comment)
    con.execute(
        "create table published.warehouse.published as select $now::timestamptz as published_at, "
        "(select max(transition_id) from audit.transition) as transition_id, "
        "(select max(cycle_id) from audit.extraction) as cycle_id",
        {"now": now},
    )
    con.execute(
        "comment on table published.warehouse.published is 'When this copy was made, and what the newest move and cycle "
        "in it are.'"
    )
    return row_count, len(tables)


def _copy_table(con: duckdb.DuckDBPyConnection, database: str, schema: str, table: str, comment: str | None) -> int:
    columns = con.execute(
        "select column_name, comment from duckdb_columns() where database_name = ? and schema_name = ? "
        "and table_name = ? order by column_index",
        [database, schema, table],
    ).fetchall()
    public = [(name, about) for name, about in columns if not (about or "").startswith(PRIVATE)]
    name = f"{quote_identifier(schema)}.{quote_identifier(table)}"
    chosen = ", ".join(quote_identifier(column) for column, _ in public)
    con.execute(f"create table published.{name} as select {chosen} from {name}")
    if comment:
        con.execute(f"comment on table published.{name} is {quote_literal(comment)}")
    for column, about in public:
        if about:
            con.execute(f"comment on column published.{name}.{quote_identifier(column)} is {quote_literal(about)}")
    row = con.execute(f"select count(*) from published.{name}").fetchone()
    return int(row[0]) if row else 0
