"""What a capture cycle leaves in raw.* and audit.extraction."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from impact_pipeline_tests.capture.world import WANTED, World


def test_the_first_load_is_a_baseline_of_all_records(salesforce: World) -> None:
    first, second = salesforce.an_opportunity(Name="A"), salesforce.an_opportunity(Name="B", Amount="12345678.90")

    salesforce.capture()

    rows = salesforce.query('select "Id", "Name", "Amount", "CloseDate", "_is_deleted" from raw."Opportunity" order by 2')
    assert [(row[0], row[1], row[2]) for row in rows] == [
        (first, "A", Decimal("100.00")),
        (second, "B", Decimal("12345678.90")),
    ]
    assert salesforce.query('select distinct "_is_first_load" from raw."Opportunity_version"') == [(True,)]


def test_a_second_cycle_without_edits_writes_nothing_but_its_windows(salesforce: World) -> None:
    salesforce.an_opportunity()
    salesforce.capture()
    before = tables(salesforce)

    salesforce.capture(settle=False)
    salesforce.capture()

    assert tables(salesforce) == before
    assert salesforce.value("select sum(versions_written) from audit.extraction where not is_first_load") == 0


def test_each_edit_becomes_a_version_that_names_the_one_before(salesforce: World) -> None:
    deal = salesforce.an_opportunity(Name="first")
    salesforce.capture()
    for name in ("second", "third"):
        salesforce.edit("update", "Opportunity", deal, Name=name)
        salesforce.capture()

    rows = salesforce.query(
        'select "Name", "_version_id", "_previous_version_id", "_is_first_load" '
        'from raw."Opportunity_version" order by "_version_id"'
    )

    assert [row[0] for row in rows] == ["first", "second", "third"]
    assert [row[2] for row in rows] == [None, rows[0][1], rows[1][1]]
    assert [row[3] for row in rows] == [True, False, False]
    assert salesforce.query('select "Name", "_version_id" from raw."Opportunity"') == [("third", rows[2][1])]


def tables(world: World) -> dict[str, int]:
    with world.warehouse.reading() as con:
        names = con.execute(
            "select schema_name, table_name from duckdb_tables() where table_name not in ('extraction', 'lease_stub', 'lease')"
        ).fetchall()
        return {
            f"{schema}.{name}": con.execute(f'select count(*), max(hash(t)::varchar) from "{schema}"."{name}" as t').fetchone()
            for schema, name in names
        }
