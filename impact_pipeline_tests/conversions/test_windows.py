"""Where the captures cut a record's history must not show in what is reported."""

import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from impact_pipeline_tests.conversions.story import Story

SUITE = yaml.safe_load(Path(__file__).with_name("cases.yaml").read_text("utf-8"))
STAGES = st.sampled_from(["Prospecting", "Negotiation", "Proposal", "Closed Won", "Closed Lost"])
EDITS = st.lists(st.one_of(STAGES, st.none()), min_size=1, max_size=6)


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
            return story.world.query(
                "select OrderId, EventTypeCode, EventDate from conversions.conversion order by EventDate, OrderId"
            )
        finally:
            story.close()


@settings(max_examples=6, deadline=None)
@given(edits=EDITS, cuts=st.sets(st.integers(0, 5)))
def test_the_same_history_cut_into_any_windows_is_reported_alike(edits: list[str | None], cuts: set[int]) -> None:
    """With history on, a passage counts once, with its own time, whenever it is seen."""
    assert reported(edits, cuts) == reported(edits, set())


CHAIN: list[Any] = [
    {"lead": {}},
    {"other deal": {}},
    "cycle",
    {"later": "1h"},
    {"lead": {"Status": "Working"}},
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


def told(folder: Path, *, backwards: bool) -> dict[str, list[tuple[Any, ...]]]:
    """All conversions, and all decisions by what they are about, whose objects are read in either order."""
    folder.mkdir()
    story = Story(folder, {"config": "C", "about": "deal", "backwards": backwards}, SUITE["configs"])
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
                "where not is_first_load and object in ('Lead', 'Opportunity', 'OpportunityHistory') "
                "group by object order by min(extraction_id)"
            ),
        }
    finally:
        story.close()


def test_the_order_in_which_objects_are_read_changes_nothing(tmp_path: Path) -> None:
    """Neither what is sent, to the last parameter, nor why the rest is not."""
    forwards, backwards = (told(tmp_path / str(way), backwards=way) for way in (False, True))

    assert forwards["read"] == backwards["read"][::-1]
    assert len(forwards["conversions"]) == 5
    assert forwards["conversions"] == backwards["conversions"]
    assert forwards["decisions"] == backwards["decisions"]


def test_identical_input_gets_identical_keys(tmp_path: Path) -> None:
    first, second = (told(tmp_path / name, backwards=False)["conversions"] for name in ("first", "second"))

    assert first == second


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
