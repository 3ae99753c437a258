"""Forward-only migrations: each file is applied in one transaction together with its record."""

import hashlib
import itertools
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb

from impact_pipeline.warehouse.errors import MigrationError
from impact_pipeline.warehouse.sql import sql_file

FOLDER = Path(__file__).parent / "migrations"


@dataclass(frozen=True, kw_only=True)
class Migration:
    """A file `NNNN_name.sql` of the package."""

    version: int
    name: str
    sha256: str
    sql: str


@cache
def known(folder: Path = FOLDER) -> tuple[Migration, ...]:
    """The migrations of the package, ascending. Raises MigrationError where two have one number."""
    migrations = []
    for file in sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql")):
        sql = file.read_text("utf-8")
        digest = hashlib.sha256(sql.encode()).hexdigest()
        migrations.append(Migration(version=int(file.stem[:4]), name=file.stem, sha256=digest, sql=sql))
    for one, other in itertools.pairwise(migrations):
        if one.version == other.version:
            raise MigrationError(f"{one.name} and {other.name} have the same number; renumber the newer one.")
    return tuple(migrations)


def migrate(con: duckdb.DuckDBPyConnection, folder: Path = FOLDER) -> list[str]:
    """
    Apply what is missing, outside of any transaction of the caller; the names of what was applied.

    Raises:
        MigrationError: as `check`, or the file is a database of somebody else.
    """
    applied = _applied(con)
    if applied is None and _has_tables(con):
        raise MigrationError(
            f"{_file(con)} holds tables, but none of impact_pipeline: it is another database. "
            "Set IMPACT_PIPELINE_WAREHOUSE to a file of its own."
        )
    done: list[str] = []
    for migration in _missing(con, applied or {}, folder):
        con.begin()
        try:
            if applied is None and not done:
                con.execute(sql_file(__file__, "migration_table.sql"))
            con.execute(migration.sql)
            con.execute(
                "insert into warehouse.migration values (?, ?, ?, now())",
                [migration.version, migration.name, migration.sha256],
            )
        except BaseException:
            con.rollback()
            raise
        con.commit()
        done.append(migration.name)
    return done


def check(con: duckdb.DuckDBPyConnection, folder: Path = FOLDER) -> None:
    """
    Raises:
        MigrationError: the file is older than the package, newer, altered, or no warehouse of ours.
    """
    applied = _applied(con)
    if applied is None:
        raise MigrationError(
            f"{_file(con)} is no warehouse of impact_pipeline. Set IMPACT_PIPELINE_WAREHOUSE to the right file."
        )
    missing = _missing(con, applied, folder)
    if missing:
        raise MigrationError(
            f"{_file(con)} is older than this package: it lacks {missing[0].name}. "
            "The next run brings it up to date: impact-pipeline run."
        )


def _missing(con: duckdb.DuckDBPyConnection, applied: dict[int, tuple[str, str]], folder: Path) -> list[Migration]:
    """What the package knows and the file does not have, after the rest was compared."""
    migrations = {migration.version: migration for migration in known(folder)}
    for version, (name, digest) in applied.items():
        migration = migrations.get(version)
        if migration is None:
            raise MigrationError(
                f"{_file(con)} was written by a newer version of this package: it has {name}. "
                "Install that version, or a newer one."
            )
        if migration.sha256 != digest:
            raise MigrationError(
                f"{_file(con)} was made with another text of {name} than this package has. "
                "Install an unaltered package, or start with a new file (IMPACT_PIPELINE_WAREHOUSE)."
            )
    return [migration for version, migration in migrations.items() if version not in applied]


def _applied(con: duckdb.DuckDBPyConnection) -> dict[int, tuple[str, str]] | None:
    """Version → (name, sha256); None without a record. Asking the catalogue first would cost ten times as much."""
    try:
        rows = con.execute("select version, name, sha256 from warehouse.migration order by version").fetchall()
    except (duckdb.CatalogException, duckdb.BinderException):
        return None
    return {version: (name, digest) for version, name, digest in rows}


def _has_tables(con: duckdb.DuckDBPyConnection) -> bool:
    found = con.execute("select 1 from duckdb_tables() where database_name = current_database() limit 1").fetchone()
    return found is not None


def _file(con: duckdb.DuckDBPyConnection) -> str:
    row = con.execute("select path from duckdb_databases() where database_name = current_database()").fetchone()
    return str(row[0]) if row and row[0] else "The warehouse"
