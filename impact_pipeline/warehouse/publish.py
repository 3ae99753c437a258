"""
The readers' copy: what may be read by anybody, in a file of its own that is swapped in by one rename.

Opening it never blocks the pipeline, and who has the old one open keeps reading it. Left out: raw.*, every column whose
comment starts with "private:", and every column without a comment, because nobody has said that it may be read.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from impact_pipeline.warehouse.connection import READERS, Warehouse
from impact_pipeline.warehouse.files import temporary_beside
from impact_pipeline.warehouse.sql import quote_identifier, quote_literal, sql_file

PUBLISHED = ("changes", "conversions", "outbox", "audit", "reconciliation", "warehouse")
PRIVATE = "private:"
# Clients of DuckDB 1.2 and later can open it.
STORAGE_VERSION = "v1.2.0"


@dataclass(frozen=True, kw_only=True)
class PublishReport:
    """What was published: the file, its tables and views, the rows of its tables."""

    path: Path
    table_count: int
    row_count: int


def readers_path(warehouse: Path) -> Path:
    return warehouse.with_name(READERS)


def published_at(readers: Path) -> datetime | None:
    """When the readers' copy was made, UTC; None where there is none."""
    if not readers.exists():
        return None
    with Warehouse(path=readers).reading() as con:
        row = con.execute("select published_at from warehouse.published").fetchone()
    made_at: datetime | None = row[0] if row else None
    return made_at


def publish(warehouse: Warehouse, *, now: datetime) -> PublishReport:
    """
    Write the readers' copy anew and swap it in. A reader sees the old one or the new one, never a part.

    The warehouse is held for reading meanwhile: writers wait, other readers do not.
    """
    target = readers_path(warehouse.path)
    with warehouse.reading() as con, temporary_beside(target) as temporary:
        con.execute(
            f"attach {quote_literal(str(temporary))} as published "
            f"(read_write, storage_version {quote_literal(STORAGE_VERSION)})"
        )
        report = _copy(con, target, now)
        # What is in the file's log would not be renamed with the file.
        con.execute("checkpoint published")
        con.execute("detach published")
        temporary.replace(target)
    return report


def _copy(con: duckdb.DuckDBPyConnection, target: Path, now: datetime) -> PublishReport:
    schemas = list(PUBLISHED)
    tables = con.execute(
        sql_file(__file__, "published_tables.sql"), {"schemas": schemas, "private": PRIVATE}
    ).fetchall()
    views = con.execute(sql_file(__file__, "published_views.sql"), {"schemas": schemas}).fetchall()
    con.begin()
    for schema in PUBLISHED:
        con.execute(f"create schema published.{quote_identifier(schema)}")
    row_count = sum(_copy_table(con, schema, table, columns) for schema, table, columns in tables)
    _copy_views(con, [sql for (sql,) in views])
    _copy_comments(con)
    con.execute(sql_file(__file__, "published.sql"))
    con.execute(
        "insert into published.warehouse.published select $now, "
        "(select max(transition_id) from audit.transition), "
        "(select max(cycle_id) from audit.extraction where purpose = 'window')",
        {"now": now},
    )
    con.commit()
    return PublishReport(path=target, table_count=len(tables) + len(views), row_count=row_count)


def _copy_table(con: duckdb.DuckDBPyConnection, schema: str, table: str, columns: list[str]) -> int:
    name = f"{quote_identifier(schema)}.{quote_identifier(table)}"
    chosen = ", ".join(quote_identifier(column) for column in columns)
    row = con.execute(f"create table published.{name} as select {chosen} from {name}").fetchone()
    return int(row[0]) if row else 0


def _copy_views(con: duckdb.DuckDBPyConnection, statements: list[str]) -> None:
    """Views stay views, over the published tables: what was left out of those, they can't show."""
    row = con.execute("select current_database()").fetchone()
    con.execute("use published")
    for statement in statements:
        con.execute(statement)
    con.execute(f"use {quote_identifier(str(row[0] if row else None))}")


def _copy_comments(con: duckdb.DuckDBPyConnection) -> None:
    for kind, schema, name, column, comment in con.execute(sql_file(__file__, "published_comments.sql")).fetchall():
        if comment.startswith(PRIVATE):
            raise ValueError(f"the view {schema}.{name} shows {column}, which is private; make the view without it.")
        path = ".".join(quote_identifier(part) for part in ("published", schema, name, column) if part is not None)
        con.execute(f"comment on {kind} {path} is {quote_literal(comment)}")
