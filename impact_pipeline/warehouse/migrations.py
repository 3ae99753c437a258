"""Forward-only migrations: each file is applied in one transaction together with its record."""

import hashlib
from functools import cache
from pathlib import Path

import duckdb

FOLDER = Path(__file__).parent / "migrations"


class MigrationError(Exception):
    """The file and the installed package do not fit together; the message says which is older and what to do."""


@cache
def known() -> tuple[tuple[int, str, str, str], ...]:
    """(version, name, sha256, sql) of each migration of the package, ascending."""
    files = sorted(FOLDER.glob("[0-9][0-9][0-9][0-9]_*.sql"))
    return tuple(
        (int(file.stem[:4]), file.stem, hashlib.sha256(file.read_bytes()).hexdigest(), file.read_text("utf-8"))
        for file in files
    )


def migrate(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Apply what is missing, outside of any transaction of the caller; the names of what was applied."""
    applied = _applied(con)
    names = {version: (name, digest) for version, name, digest, _ in known()}
    for version, (name, digest) in applied.items():
        if version not in names:
            raise MigrationError(
                f"the warehouse knows migration {name}, which this version of the package does not; "
                "install the version that wrote it, or a newer one."
            )
        if names[version][1] != digest:
            raise MigrationError(f"migration {name} is not the one that was applied; install an unaltered package.")
    done = []
    for version, name, digest, sql in known():
        if version in applied:
            continue
        con.begin()
        try:
            if version == 1:
                con.execute("create schema warehouse")
                con.execute(
                    "create table warehouse.migration (version integer not null, name varchar not null, "
                    "sha256 varchar not null, applied_at timestamptz not null)"
                )
            con.execute(sql)
            con.execute("insert into warehouse.migration values (?, ?, ?, now())", [version, name, digest])
        except BaseException:
            con.rollback()
            raise
        con.commit()
        done.append(name)
    return done


def _applied(con: duckdb.DuckDBPyConnection) -> dict[int, tuple[str, str]]:
    there = con.execute(
        "select 1 from duckdb_tables() where schema_name = 'warehouse' and table_name = 'migration'"
    ).fetchone()
    if there is None:
        return {}
    rows = con.execute("select version, name, sha256 from warehouse.migration order by version").fetchall()
    return {version: (name, digest) for version, name, digest in rows}
