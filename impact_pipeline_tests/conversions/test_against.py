"""What another configuration would have made of the same changes."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from impact_pipeline.config.load import Config
from impact_pipeline.conversions.against import Comparison, compare
from impact_pipeline.conversions.relations import UnknownPath
from impact_pipeline_tests.conversions.story import Story

SUITE = yaml.safe_load(Path(__file__).with_name("cases.yaml").read_text("utf-8"))
STAGE = "objects/opportunity/events/won/"


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    """A deal won with a line, sent and credited; and another in Negotiation."""
    made = Story(tmp_path, {"config": "S", "about": "deal"}, SUITE["configs"])
    made.play(
        [
            {"deal": {}},
            {"other deal": {"Amount": 70}},
            {"line": {"UnitPrice": 90}},
            "cycle",
            {"later": "1h"},
            {"deal": {"StageName": "Closed Won", "NextStep": "sign"}},
            {"other deal": {"StageName": "Negotiation"}},
            {"later": "1h"},
            "cycle",
            {"sent": "settled/credited"},
        ]
    )
    yield made
    made.close()


def other(story: Story, patch: dict[str, Any]) -> Config:
    """The configuration of the story with some keys changed, in a folder of its own."""
    before, story.content = story.content, copy.deepcopy(story.content)
    story._patch(patch)
    folder, story.folder = story.folder, story.folder / "other"
    try:
        return story._load()
    finally:
        story.content, story.folder = before, folder


def against(story: Story, patch: dict[str, Any], days: int = 30) -> Comparison:
    with story.world.warehouse.rehearsal() as con:
        return compare(con, story.config, other(story, patch), days=days, now=story.world.clock.now())


def contents(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    names = con.execute(
        "select schema_name || '.' || table_name from duckdb_tables() where not temporary order by all"
    ).fetchall()
    return {
        name: con.execute(f"select * from {name} order by all").fetchall() for (name,) in names if "raw" not in name
    }


def test_the_same_configuration_changes_nothing_and_comparing_leaves_nothing(story: Story) -> None:
    with story.world.warehouse.reading() as con:
        before = contents(con)

    found = against(story, {})

    assert (found.answers, found.parameters, found.identities, found.not_captured) == ([], [], (), ())
    assert [(row["count"], row["amount"], row["count_then"]) for row in found.amounts] == [(1, 90, 1)]
    with story.world.warehouse.reading() as con:
        assert contents(con) == before


def test_a_loosened_condition_shows_what_it_would_have_sent(story: Story) -> None:
    found = against(
        story,
        {
            STAGE + "when": "StageName in ('Negotiation', 'Closed Won')",
            "pipeline/event_types/Opportunity_Negotiation": {"id": 8181, "kind": "sale"},
        },
    )

    (row,) = found.answers
    assert (row["effect"], row["reason"], row["reason_then"]) == ("newly_sent", "condition_false", "stage_passed")
    assert (row["count"], row["amount"], row["CurrencyCode"]) == (1, 70, "USD")
    assert [(row["count"], row["count_then"], row["amount_then"]) for row in found.amounts] == [(1, 2, 160)]


def test_a_tightened_scope_shows_what_it_would_have_kept_back(story: Story) -> None:
    found = against(story, {"objects/opportunity/scope": "Amount > 1000"})

    assert {(row["effect"], row["reason_then"]) for row in found.answers if row["decision"] == "send"} == {
        ("no_longer_sent", "out_of_scope")
    }
    assert [(row["count_then"], row["amount_then"]) for row in found.amounts] == [(0, None)]


def test_changed_parameters_are_counted_by_name_and_no_value_is_shown(story: Story) -> None:
    found = against(
        story,
        {
            STAGE + "conversion/Text1": None,
            STAGE + "conversion/Text2": "{StageName}",
            STAGE + "items/ItemCategory": "Software",
            STAGE + "items/ItemName": "{Sku__c}",
        },
    )

    assert found.answers == []
    assert {row["parameter"]: (row["added"], row["removed"], row["changed"]) for row in found.parameters} == {
        "Text1": (0, 1, 0),
        "Text2": (1, 0, 0),
        "ItemCategory": (0, 0, 1),
        "ItemName": (1, 0, 0),
    }
    assert "sign" not in str(found)


def test_an_edited_identity_is_told(story: Story) -> None:
    found = against(story, {STAGE + "conversion/OrderId": "O_{StageName}_{Id}"})

    assert [(one.event, one.detail) for one in found.identities] == [("won", "OrderId edited")]
    assert [row["parameter"] for row in found.parameters] == ["OrderId"]


def test_changes_before_the_window_are_left_alone(story: Story) -> None:
    story.play([{"later": "10d"}, "cycle"])

    found = against(story, {"objects/opportunity/scope": "Amount > 1000"}, days=5)

    assert found.answers == []
    assert found.change_count == 0
    assert found.newest_change_at is not None


def test_an_object_that_no_cycle_has_read_is_named(story: Story) -> None:
    about = {
        "object": "Contact",
        "events": {
            "made": {
                "created": True,
                "conversion": {
                    "EventTypeCode": "Contact_Made",
                    "OrderId": "C_{Id}",
                    "EventDate": "{_event_at}",
                },
            }
        },
    }

    patch = {"objects/contact": about, "pipeline/event_types/Contact_Made": {"id": 8190, "kind": "lead"}}

    assert against(story, patch).not_captured == ("Contact",)


def test_a_field_that_no_cycle_has_read_is_named(story: Story) -> None:
    with pytest.raises(UnknownPath, match="no captured field Name"):
        against(story, {STAGE + "conversion/Text2": "{Name}"})
