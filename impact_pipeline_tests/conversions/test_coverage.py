"""The coverage report: what leads from events to partners, by object and week, and the money at stake."""

from pathlib import Path
from typing import Any

import yaml

from impact_pipeline.conversions.coverage import at_stake, by_object, by_week, share_bars
from impact_pipeline_tests.conversions.story import Story

SUITE = yaml.safe_load(Path(__file__).with_name("cases.yaml").read_text("utf-8"))
CLICKED = {"objects/opportunity/events/won/conversion/ClickId": "{Refund_Of__c}"}


def played(folder: Path, steps: list[Any], **but: Any) -> Story:
    story = Story(folder, {"config": "S", "about": "deal", "but": CLICKED | but}, SUITE["configs"])
    story.play(steps)
    return story


SOLD: list[Any] = [
    {"deal": {"Refund_Of__c": "click-1"}},
    {"line": {"UnitPrice": 100}},
    {"other deal": {"Amount": 40}},
    "cycle",
    {"later": "8d"},
    {"deal": {"StageName": "Closed Won"}},
    {"later": "7d"},
    {"other deal": {"StageName": "Closed Won"}},
    {"later": "1h"},
    "cycle",
]


def test_shares_are_counted_by_object_and_by_week(tmp_path: Path) -> None:
    story = played(tmp_path, SOLD)
    try:
        with story.warehouse.reading() as con:
            whole, weeks, money = by_object(con), by_week(con), at_stake(con)
    finally:
        story.close()

    shares = {"events": 2, "with_click_id": 1, "with_customer_id": 2, "with_linked_customer_id": 0}
    shares |= {"with_product_codes": 1, "told_by_items": 2, "with_currency": 2, "with_money": 2}
    assert whole == [{"object": "Opportunity", **shares}]
    assert [(row["week"], row["events"], row["with_click_id"]) for row in weeks] == [
        ("2026-11-30", 1, 0),
        ("2026-11-23", 1, 1),
    ]
    assert [[str(value) for value in row.values()] for row in money] == [
        ["Opportunity", "USD", "140.00", "40.00", "40.00"]
    ]
    ((name, bars),) = share_bars(whole)
    assert name == "Opportunity"
    assert {bar.label: bar.text for bar in bars} == {
        "click id": "50 % of 2",
        "customer id": "100 % of 2",
        "not only its own Id": "0 % of 2",
        "product codes": "50 % of 2",
        "currency": "100 % of 2",
    }


def test_what_is_held_counts_too_and_follows_its_record(tmp_path: Path) -> None:
    """Money that waits for a key is what the report is about; it moves once somebody fills the field."""
    story = played(tmp_path, SOLD, **{"objects/opportunity/customer_id": ["{Type}"]})
    try:
        found = "select Id, has_click_id, has_customer_id, amount::varchar from conversions.covered order by Id"
        assert story.world.query(found) == [
            ("006am00000000zCAAQ", True, False, "100.00"),
            ("006am00000000zDAAQ", False, False, "40.00"),
        ]

        story.play([{"other deal": {"Type": "cus-1", "Amount": 50}}, {"later": "1h"}, "cycle"])
        assert story.world.query(found)[1] == ("006am00000000zDAAQ", False, True, "50.00")

        story.play([{"delete": "other deal"}, {"later": "1h"}, "cycle"])
        assert [row[0] for row in story.world.query(found)] == ["006am00000000zCAAQ"]
    finally:
        story.close()


def test_a_cycle_that_changes_nothing_writes_nothing(tmp_path: Path) -> None:
    story = played(tmp_path, SOLD, **{"objects/opportunity/customer_id": ["{Type}"]})
    try:
        rows = "select rowid, * from conversions.covered order by all"
        before = story.world.query(rows)

        story.play([{"later": "1h"}, "cycle"])

        assert story.world.query(rows) == before
        assert len(before) == 2
    finally:
        story.close()
