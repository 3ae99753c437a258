from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from impact_pipeline.warehouse.errors import MigrationError
from impact_pipeline.warehouse.migrations import check, known, migrate
from impact_pipeline.warehouse.schema_docs import undocumented
from impact_pipeline_tests.warehouse.conftest import one


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        yield con


def a_package(folder: Path, **files: str) -> Path:
    """A folder of migrations: a_package(path, one='create schema raw') makes 0001_one.sql."""
    folder.mkdir()
    for number, (name, sql) in enumerate(files.items(), start=1):
        (folder / f"{number:04}_{name}.sql").write_text(sql)
    return folder


def recorded(con: duckdb.DuckDBPyConnection) -> list[str]:
    return [name for (name,) in con.execute("select name from warehouse.migration order by version").fetchall()]


def test_each_migration_is_applied_once_in_order_and_recorded(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    package = a_package(tmp_path / "v", one="create schema raw", two="create table raw.a as select 1 as a")

    assert migrate(con, package) == ["0001_one", "0002_two"]
    assert migrate(con, package) == []
    assert recorded(con) == ["0001_one", "0002_two"]
    check(con, package)


def test_a_newer_package_applies_only_what_is_missing(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    migrate(con, a_package(tmp_path / "v1", one="create schema raw"))

    assert migrate(con, a_package(tmp_path / "v2", one="create schema raw", two="create schema audit")) == ["0002_two"]


def test_a_failing_migration_leaves_nothing_of_itself_and_all_before_it(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    package = a_package(
        tmp_path / "v", one="create schema raw", two="create table raw.a as select 1 as a; select error('disk full')"
    )

    with pytest.raises(duckdb.Error, match="disk full"):
        migrate(con, package)

    assert recorded(con) == ["0001_one"]
    assert one(con, "select count(*) from duckdb_tables() where schema_name = 'raw'") == 0


def test_a_first_migration_that_fails_can_be_tried_again(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    with pytest.raises(duckdb.Error):
        migrate(con, a_package(tmp_path / "bad", one="create schema raw; create schema raw"))

    assert migrate(con, a_package(tmp_path / "good", one="create schema raw")) == ["0001_one"]


def test_a_changed_migration_is_refused(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    migrate(con, a_package(tmp_path / "v1", one="create schema raw"))
    altered = a_package(tmp_path / "v2", one="create schema raw -- improved", two="create schema audit")

    for opened in (migrate, check):
        with pytest.raises(MigrationError, match="another text of 0001_one"):
            opened(con, altered)
    assert recorded(con) == ["0001_one"]


def test_another_line_ending_is_no_change(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """A checkout may turn every line ending."""
    migrate(con, a_package(tmp_path / "v1", one="create schema raw;\ncreate schema audit;\n"))

    check(con, a_package(tmp_path / "v2", one="create schema raw;\r\ncreate schema audit;\r\n"))


def test_a_file_from_a_newer_package_is_refused(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    migrate(con, a_package(tmp_path / "v2", one="create schema raw", two="create schema audit"))
    older = a_package(tmp_path / "v1", one="create schema raw")

    for opened in (migrate, check):
        with pytest.raises(MigrationError, match="newer version of this package: it has 0002_two"):
            opened(con, older)


def test_reading_a_file_from_an_older_package_says_that_a_run_brings_it_up_to_date(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    migrate(con, a_package(tmp_path / "v1", one="create schema raw"))

    with pytest.raises(MigrationError, match=r"lacks 0002_two.*impact-pipeline run"):
        check(con, a_package(tmp_path / "v2", one="create schema raw", two="create schema audit"))


def test_two_migrations_with_one_number_are_refused(tmp_path: Path) -> None:
    package = a_package(tmp_path / "v", one="create schema raw")
    (package / "0001_other.sql").write_text("create schema audit")

    with pytest.raises(MigrationError, match="0001_one and 0001_other have the same number"):
        known(package)


def test_the_numbers_of_the_package_have_no_gap() -> None:
    assert [migration.version for migration in known()] == list(range(1, len(known()) + 1))


def test_every_table_view_and_column_says_what_it_is(con: duckdb.DuckDBPyConnection) -> None:
    migrate(con)

    assert undocumented(con) == []


def test_what_says_nothing_of_itself_is_found(con: duckdb.DuckDBPyConnection) -> None:
    migrate(con)

    con.execute("create table changes.silent (a integer)")
    con.execute("comment on table changes.silent is ' '")
    con.execute("create view audit.dumb as select 1 as b")

    assert undocumented(con) == ["audit.dumb", "audit.dumb.b", "changes.silent", "changes.silent.a"]
