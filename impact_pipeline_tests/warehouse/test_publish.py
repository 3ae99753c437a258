import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from impact_pipeline.warehouse import publish as publishing
from impact_pipeline.warehouse.checks import copy_is_young
from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline.warehouse.publish import publish, readers_path
from impact_pipeline.warehouse.resource import ClockResource, WarehouseResource
from impact_pipeline.warehouse.schema_docs import undocumented
from impact_pipeline_tests.warehouse.conftest import one
from impact_pipeline_tests.warehouse.processes import HOLDS_FOR_READING, process

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
CANARY = "canary-4711"


@pytest.fixture
def filled(warehouse: Warehouse) -> Warehouse:
    """A warehouse with a private value wherever one may be."""
    with warehouse.transaction() as con:
        con.execute('create table raw."Lead" (Id varchar, Email varchar)')
        con.execute("""insert into raw."Lead" values ('00Q', $1)""", [CANARY])
        con.execute(
            "insert into changes.change (object, Id, kind, fields, before, after, occurred_at, detected_at, cycle_id) "
            "select 'Lead', '00Q', 'updated', ['Email'], map {'Email': $1}, map {'Email': $1}, $2, $2, 'c'",
            [CANARY, NOW],
        )
        con.execute(
            "insert into audit.action (action_id, Oid, Note, observed_at, run_id) values ('1.2.3', 'O-1', $1, $2, 'r')",
            [CANARY, NOW],
        )
        con.execute(
            "insert into audit.transition (request_id, to_state, run_id, moved_at) values (1, 'x', 'r', $1)", [NOW]
        )
    return warehouse


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def columns(con: duckdb.DuckDBPyConnection, schema: str, table: str) -> list[str]:
    rows = con.execute(
        "select column_name from duckdb_columns() where schema_name = ? and table_name = ? and database_name = "
        "current_database() order by column_index",
        [schema, table],
    ).fetchall()
    return [name for (name,) in rows]


def test_the_copy_lies_beside_the_warehouse_for_its_owner_alone(warehouse: Warehouse) -> None:
    report = publish(warehouse, now=NOW)

    assert report.path == warehouse.path.with_name("readers.duckdb")
    assert stat.S_IMODE(report.path.stat().st_mode) == 0o600
    assert names(report.path.parent) == ["impact_pipeline.duckdb", "readers.duckdb"]


def test_everything_but_raw_is_there_under_its_own_name(filled: Warehouse) -> None:
    report = publish(filled, now=NOW)

    tables = (
        "select schema_name || '.' || table_name from duckdb_tables() union all "
        "select schema_name || '.' || view_name from duckdb_views() where not internal"
    )
    with filled.reading() as con:
        there = {name for (name,) in con.execute(tables).fetchall() if not name.startswith("raw.")}
    with duckdb.connect(str(report.path), read_only=True) as con:
        published = {name for (name,) in con.execute(tables).fetchall()}
        assert con.execute("select Oid from audit.current_action").fetchall() == [("O-1",)]
        assert con.execute("select lane from outbox.lease order by lane").fetchall() == [
            ("capture",),
            ("confirm",),
            ("reread",),
            ("submit",),
        ]
    assert published == there | {"warehouse.published"}
    assert report.table_count == len(there)


def test_no_private_column_is_there_neither_in_a_table_nor_through_a_view(filled: Warehouse) -> None:
    report = publish(filled, now=NOW)

    with duckdb.connect(str(report.path), read_only=True) as con:
        private = "select count(*) from duckdb_columns() where starts_with(comment, 'private:')"
        assert one(con, private) == 0
        assert "before" not in columns(con, "changes", "change")
        assert "Note" not in columns(con, "audit", "action")
        assert "Note" not in columns(con, "audit", "current_action")
        assert "Note" not in [column[0] for column in con.execute("from audit.current_action").description or []]
    assert CANARY.encode() not in report.path.read_bytes()
    assert CANARY.encode() in filled.path.read_bytes()


def test_a_column_that_nobody_has_described_stays_inside(warehouse: Warehouse) -> None:
    """A mapping adds columns as it needs them, also for free text; a comment is what releases one."""
    with warehouse.transaction() as con:
        con.execute("alter table conversions.conversion add column Text3 varchar")
        con.execute("alter table conversions.conversion add column Numeric1 varchar")
        con.execute("comment on column conversions.conversion.Numeric1 is 'A number.'")

    report = publish(warehouse, now=NOW)

    with duckdb.connect(str(report.path), read_only=True) as con:
        published = columns(con, "conversions", "conversion")
    assert "Numeric1" in published
    assert "Text3" not in published


def test_a_view_that_shows_what_is_private_is_refused_and_the_old_copy_stays(warehouse: Warehouse) -> None:
    publish(warehouse, now=NOW)
    with warehouse.transaction() as con:
        con.execute("create view audit.leak as select Oid as about from audit.action")
        con.execute("comment on column audit.leak.about is 'private: about a person.'")

    with pytest.raises(ValueError, match=r"audit\.leak shows about"):
        publish(warehouse, now=NOW + timedelta(days=1))

    with duckdb.connect(str(readers_path(warehouse.path)), read_only=True) as con:
        assert one(con, "select published_at = '2026-11-02 09:00:00+00' from warehouse.published") is True
    assert names(warehouse.path.parent) == ["impact_pipeline.duckdb", "readers.duckdb"]


def test_tables_views_and_columns_keep_their_comments(filled: Warehouse) -> None:
    report = publish(filled, now=NOW)

    comment = "select comment from duckdb_views() where view_name = 'open_difference'"
    with filled.reading() as con:
        about_view = one(con, comment)
    with duckdb.connect(str(report.path), read_only=True) as con:
        assert undocumented(con) == []
        assert one(con, comment) == about_view


def test_it_says_when_it_was_made_and_how_far_it_goes(filled: Warehouse) -> None:
    report = publish(filled, now=NOW)

    with duckdb.connect(str(report.path), read_only=True) as con:
        con.execute("set TimeZone = 'UTC'")
        row = con.execute("select published_at::varchar, transition_id, cycle_id from warehouse.published").fetchone()
    assert row == ("2026-11-02 09:00:00+00", 1, None)


def test_older_clients_can_open_it(warehouse: Warehouse) -> None:
    report = publish(warehouse, now=NOW)

    with duckdb.connect(str(report.path), read_only=True) as con:
        version = one(con, "select tags['storage_version'] from duckdb_databases() where database_name = 'readers'")
    assert version == "v1.2.0+"


def test_who_has_the_old_copy_open_keeps_reading_it_and_who_opens_anew_sees_the_new_one(warehouse: Warehouse) -> None:
    report = publish(warehouse, now=NOW)
    counts = """
import duckdb
con = duckdb.connect(str(path), read_only=True)
def count():
    print(con.execute("select count(*) from audit.action").fetchall()[0][0], flush=True)
reached()
count()
con.close()
con = duckdb.connect(str(path), read_only=True)
count()
"""

    with process(counts, report.path) as notebook:
        notebook.wait_until_reached()
        with warehouse.transaction() as con:
            con.execute("insert into audit.action (action_id, observed_at, run_id) values ('1', $1, 'r')", [NOW])
        publish(warehouse, now=NOW + timedelta(days=1))

        assert notebook.finish() == "0\n1\n"


def test_publishing_needs_no_more_than_to_read_the_warehouse(warehouse: Warehouse) -> None:
    with process(HOLDS_FOR_READING, warehouse.path) as notebook:
        notebook.wait_until_reached()

        publish(warehouse, now=NOW)

    assert readers_path(warehouse.path).exists()


def test_a_kill_while_publishing_leaves_the_old_copy_and_the_next_one_clears_up(warehouse: Warehouse) -> None:
    publish(warehouse, now=NOW)
    dies = """
import datetime
from impact_pipeline.warehouse import publish
from impact_pipeline.warehouse.connection import Warehouse
copy_comments = publish._copy_comments
def reached_inside(con):
    copy_comments(con)
    reached()
publish._copy_comments = reached_inside
publish.publish(Warehouse(path=path), now=datetime.datetime.now(datetime.timezone.utc))
"""
    with process(dies, warehouse.path) as publisher:
        publisher.wait_until_reached()
        publisher.kill()
    left = names(warehouse.path.parent)
    assert len(left) > 2

    with duckdb.connect(str(readers_path(warehouse.path)), read_only=True) as con:
        assert one(con, "select count(*) from outbox.lease") == 4
    publish(warehouse, now=NOW)
    assert names(warehouse.path.parent) == ["impact_pipeline.duckdb", "readers.duckdb"]


def test_the_writer_comes_in_again_right_after_publishing(warehouse: Warehouse) -> None:
    publish(warehouse, now=NOW)

    with warehouse.transaction() as con:
        con.execute("update outbox.lease set run_id = 'next'")


def test_published_schemas_are_ours_without_raw() -> None:
    assert "raw" not in publishing.PUBLISHED


class ThreeHoursLater(ClockResource):
    def now(self) -> datetime:
        return NOW + timedelta(hours=3)


def test_a_copy_that_is_missing_or_old_fails_its_check(warehouse: Warehouse) -> None:
    resource = WarehouseResource(path=str(warehouse.path))
    with warehouse.transaction():
        pass

    missing = copy_is_young(warehouse=resource, clock=ThreeHoursLater())
    publish(warehouse, now=NOW)
    old = copy_is_young(warehouse=resource, clock=ThreeHoursLater())
    publish(warehouse, now=NOW + timedelta(hours=2))
    young = copy_is_young(warehouse=resource, clock=ThreeHoursLater())

    assert isinstance(old, dg.AssetCheckResult)
    assert [one.passed for one in (missing, old, young)] == [False, False, True]
    assert "impact-pipeline publish makes it" in str(missing.description)
    assert "made 180 minutes ago" in str(old.description)
