"""Where the captures cut a record's history must not show in what is reported."""

import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from impact_pipeline_tests.conversions.story import Story

SUITE = yaml.safe_load(Path(__file__).with_name("cases.yaml").read_text("utf-8"))
STAGES = st.sampled_from(["Prospecting", "Negotiation", "Proposal", "Closed Won", "Closed Lost"])
# A story takes seconds: what fails is told as it was found, without a search for the shortest one.
AS_FOUND = (Phase.explicit, Phase.generate)
EDITS = st.lists(st.one_of(STAGES, st.none()), min_size=3, max_size=6)


def reported(edits: list[str | None], captures_after: set[int]) -> list[tuple[Any, ...]]:
    """What is to be sent after these stage changes (None: another edit), captured after some of them and at the end."""
    case = {"config": "O", "about": "deal"}
    with tempfile.TemporaryDirectory() as folder:
        story = Story(Path(folder), case, SUITE["configs"])
        try:
            story.play([{"deal": {}}, "cycle", {"later": "1h"}])
            for place, stage in enumerate(edits):
                story.play(
                    [{"deal": {"StageName": stage} if stage else {"NextStep": f"step {place}"}}, {"later": "40m"}]
                )
                if place in captures_after:
                    story.cycle()
                else:  # a capture takes time; the other history has to take as long
                    story.world.advance(minutes=2)
            story.cycle()
            assert story.undecided() == [], "each change has exactly one current decision per event"
            assert story.groundless() == [], "no conversion without a change"
            return story.world.query(
                "select OrderId, EventTypeCode, EventDate from conversions.conversion order by EventDate, OrderId"
            )
        finally:
            story.close()


@settings(max_examples=5, deadline=None, phases=AS_FOUND)
@given(edits=EDITS, cuts=st.sets(st.integers(0, 5)))
@example(edits=["Negotiation", "Closed Won", "Negotiation", None, "Closed Lost", "Closed Won"], cuts={0, 3, 4})
def test_the_same_history_cut_into_any_windows_is_reported_alike(edits: list[str | None], cuts: set[int]) -> None:
    """With history on, a passage counts once, with its own time, whenever it is seen."""
    assert reported(edits, cuts) == reported(edits, set())


CUSTOMERS = {
    "objects/lead/customer_id": ["{Website}", "{Id}"],
    "objects/opportunity/customer_id": ["{primary_contact.Department}", "{first_lead.Id}", "{Id}"],
}
# The lead is reported for the first time in the cycle that finds its deal, which has to have the lead's customer.
CHAIN: list[Any] = [
    {"lead": {"Website": "cus-1"}},
    {"other deal": {}},
    "cycle",
    {"later": "1h"},
    {"lead": {"City": "Rome"}},
    {"other deal": {"StageName": "Negotiation"}},
    {"later": "1h"},
    "cycle",
    {"convert": {"Status": "Qualified", "account": {}, "deal": {}}},
    {"later": "1h"},
    {"deal": {"StageName": "Closed Won"}},
    {"other deal": {"StageName": "Closed Won"}},
    {"later": "1h"},
    "cycle",
]


OBJECTS = ("Contact", "Lead", "Opportunity", "OpportunityContactRole", "OpportunityHistory")


def told(order: tuple[str, ...]) -> dict[str, list[tuple[Any, ...]]]:
    """All conversions, and all decisions by what they are about, whose objects are read in this order."""
    folder = Path(tempfile.mkdtemp())
    case = {"config": "C", "about": "deal", "order": order, "but": CUSTOMERS}
    story = Story(folder, case, SUITE["configs"])
    try:
        story.play(CHAIN)
        return {
            "conversions": story.world.query(
                "select * exclude (change_id, mapped_at, config_hash) from conversions.conversion order by event_id"
            ),
            "decisions": story.world.query(
                "select object, Id, event, event_at, decision, reason, detail, event_id, OrderId "
                "from conversions.decision order by all"
            ),
            "read": story.world.query(
                "select object from audit.extraction "
                "where not is_first_load and object in (select unnest($1)) group by object order by min(extraction_id)",
                list(order),
            ),
        }
    finally:
        story.close()
        shutil.rmtree(folder)


@cache
def usual() -> dict[str, list[tuple[Any, ...]]]:
    return told(OBJECTS)


@settings(max_examples=2, deadline=None, phases=AS_FOUND)
@given(order=st.permutations(OBJECTS))
@example(order=OBJECTS[::-1])
def test_the_order_in_which_objects_are_read_changes_nothing(order: list[str]) -> None:
    """Neither what is sent, to the last parameter, nor why the rest is not."""
    other = told(tuple(order))

    assert [name for (name,) in other["read"]] == list(order)
    assert len(usual()["conversions"]) == 4
    assert usual()["conversions"] == other["conversions"]
    assert usual()["decisions"] == other["decisions"]


def test_identical_input_gets_identical_keys() -> None:
    assert told(OBJECTS)["conversions"] == usual()["conversions"]


def test_a_cycle_without_edits_writes_no_decision(tmp_path: Path) -> None:
    story = Story(tmp_path, {"config": "S", "about": "deal"}, SUITE["configs"])
    try:
        story.play(
            [{"deal": {}}, "cycle", {"later": "1h"}, {"deal": {"StageName": "Closed Won"}}, {"later": "1h"}, "cycle"]
        )
        tables = ("changes.change", "conversions.decision", "conversions.conversion", "conversions.item")
        before = {table: story.world.query(f"select * from {table} order by all") for table in tables}

        story.play([{"later": "1h"}, "cycle"])

        assert {table: story.world.query(f"select * from {table} order by all") for table in tables} == before
        assert len(before["conversions.item"]) == 1
    finally:
        story.close()
