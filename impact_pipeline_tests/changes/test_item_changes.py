"""When the set of a record's lines counts as changed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from impact_pipeline.changes.compare import WatchedObject, find_changes
from impact_pipeline_tests.capture.world import LINES, STANDARD_BOOK, WITH_LINES, World, world

WITH_DESCRIPTION = {**WITH_LINES, "OpportunityLineItem": (*WITH_LINES["OpportunityLineItem"], "Description")}


@pytest.fixture
def salesforce(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def changed(salesforce: World) -> list[tuple[Any, ...]]:
    """What a comparison finds now: record and fields of each set."""
    with salesforce.warehouse.transaction() as con:
        before = con.execute("select coalesce(max(change_id), 0) from changes.change").fetchall()[0][0]
        find_changes(
            con,
            [WatchedObject(name="Opportunity", items=LINES["Opportunity"])],
            cycle_id="cycle",
            now=salesforce.clock.now(),
        )
        return con.execute(
            "select Id, fields from changes.change where kind = 'items' and change_id > ? order by 1", [before]
        ).fetchall()


def a_deal_with_a_line(salesforce: World) -> tuple[str, str]:
    deal = salesforce.an_opportunity(Pricebook2Id=STANDARD_BOOK)
    line = salesforce.a_line(deal, Description="two seats")
    salesforce.capture(WITH_LINES)
    changed(salesforce)
    salesforce.advance(minutes=5)
    return deal, line


def test_a_line_field_that_is_mapped_from_now_on_changes_nothing(salesforce: World) -> None:
    """All lines are read in full for it; what they hold there was never compared with anything."""
    a_deal_with_a_line(salesforce)

    report = salesforce.capture(WITH_DESCRIPTION)

    assert sum(row.versions_written for row in report.of("OpportunityLineItem")) == 1
    assert salesforce.value('select "Description" from raw."OpportunityLineItem"') == "two seats"
    assert changed(salesforce) == []


def test_a_line_field_counts_once_two_versions_were_captured_with_it(salesforce: World) -> None:
    deal, line = a_deal_with_a_line(salesforce)
    salesforce.capture(WITH_DESCRIPTION)
    changed(salesforce)
    salesforce.advance(minutes=5)
    salesforce.edit("update", "OpportunityLineItem", line, Description="three seats")

    salesforce.capture(WITH_DESCRIPTION)

    assert changed(salesforce) == [(deal, ["Description"])]


def test_a_line_field_that_is_hidden_meanwhile_changes_nothing(salesforce: World) -> None:
    deal, line = a_deal_with_a_line(salesforce)
    without_price = {**WITH_LINES, "OpportunityLineItem": ("Quantity", "TotalPrice")}
    salesforce.edit("update", "OpportunityLineItem", line, Quantity="2")

    salesforce.capture(without_price)

    assert changed(salesforce) == [(deal, ["Quantity", "TotalPrice"])]


def test_a_new_line_changes_its_record(salesforce: World) -> None:
    deal, _ = a_deal_with_a_line(salesforce)
    salesforce.a_line(deal)

    salesforce.capture(WITH_LINES)

    assert changed(salesforce) == [(deal, ["lines"])]
