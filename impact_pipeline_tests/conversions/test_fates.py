"""Whatever happens to a deal, and wherever it meets the steps of the pipeline: in the end it is reported as it is."""

import tempfile
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from impact_pipeline.conversions.words import Word, WordRefused, say
from impact_pipeline_tests.conversions.story import Story

SUITE = yaml.safe_load(Path(__file__).with_name("cases.yaml").read_text("utf-8"))
# A deal of one amount, which a deletion and Closed Lost take back.
BUT: dict[str, Any] = {
    "pipeline/event_types/Opportunity_Closed Won/kind": "lead",
    "objects/opportunity/events/won/items": None,
    "objects/opportunity/events/won/conversion/OrderSubTotalPostDiscount": "{Amount}",
    "objects/opportunity/events/won/after": [
        {"deleted": True, "do": "reverse", "code": "ORDER_ERROR"},
        {"when": "StageName = 'Closed Lost'", "do": "reverse", "code": "ORDER_ERROR"},
        {"changed": ["Amount"], "do": "modify", "code": "ORDER_UPDATE"},
    ],
}
# The conversions that impact.com shows, or will when all that waits is told.
SHOWN = (
    "select event_id, coalesce(w.amount, r.amount) as amount "
    "from outbox.request as r left join conversions.wanted as w using (event_id) "
    "where r.Type = 'Conversion' and r.state <> 'withdrawn' and r.outcome is distinct from 'no_trace' "
    "and coalesce(w.state, 'live') = 'live' "
    "and event_id not in (select event_id from outbox.request where Type = 'Reversal' and state = 'settled')"
)
WON, LOST = {"deal": {"StageName": "Closed Won"}}, {"deal": {"StageName": "Closed Lost"}}
DELETE, UNDELETE = {"delete": "deal"}, {"undelete": "deal"}
QUEUED, HANDED_BACK, LEFT = {"queued": ""}, {"handed back": ""}, {"left": "settled/credited"}
TOLD, BEING_TOLD = {"told": "settled/credited"}, {"told": "accepted"}
HOLD, RELEASE, DISMISS = {"hold": "deal"}, {"release": "deal"}, {"dismiss": "deal"}
LOST_ANSWER, NO_TRACE = {"left": "in_doubt"}, {"no trace": ""}


def amount(value: int) -> dict[str, Any]:
    return {"deal": {"Amount": value}}


def quantity(line: str, value: int) -> dict[str, Any]:
    return {line: {"Quantity": value}}


EDITS = [WON, LOST, amount(101), amount(102), amount(103), DELETE, UNDELETE]
WORDS = [HOLD, RELEASE, DISMISS]
STEPS = ["cycle", QUEUED, HANDED_BACK, LEFT, TOLD, BEING_TOLD, LOST_ANSWER, NO_TRACE]


@settings(max_examples=10, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(st.lists(st.sampled_from([*EDITS, *STEPS, *WORDS, "cycle", QUEUED]), min_size=4, max_size=14), st.booleans())
@example([WON, LOST], True)
@example([WON, LOST, WON, LOST], False)
@example([WON, "cycle", QUEUED, LOST, "cycle", amount(103), "cycle", WON], True)
@example([WON, "cycle", QUEUED, HANDED_BACK, LOST, "cycle", QUEUED, amount(103), "cycle", QUEUED, WON], True)
@example([WON, LOST, "cycle", WON, LOST], True)
@example([WON, "cycle", HOLD, "cycle", QUEUED, LOST, "cycle", WON], True)
@example([WON, "cycle", QUEUED, LOST_ANSWER, LOST, "cycle", NO_TRACE, amount(103), "cycle", WON], True)
@example([WON, "cycle", QUEUED, LEFT, LOST, "cycle", amount(103), "cycle", WON], True)
def test_in_the_end_a_deal_is_reported_as_it_is(steps: list[Any], is_seen: bool) -> None:
    """
    Cases B6, E2 to E7 and F1 to F8 in any order, with a lane that stopped before it sent, answers that were lost, and
    what a person holds or dismisses for a time; of a deal that a cycle has seen before all of it, or not.
    """
    with tempfile.TemporaryDirectory() as folder:
        story = Story(Path(folder), {"config": "S", "about": "deal", "but": BUT}, SUITE["configs"])
        try:
            story.play([{"other deal": {}}, "cycle", {"later": "1h"}, {"deal": {}}, {"later": "20m"}])
            story.play(["cycle"] if is_seen else [])
            stage, value, is_deleted = "Prospecting", Decimal(100), False
            for step in steps:
                if step in EDITS:
                    if (step not in (DELETE, UNDELETE) and is_deleted) or (step == UNDELETE) != is_deleted:
                        continue
                    is_deleted = step == DELETE
                    given = step.get("deal", {})
                    stage, value = given.get("StageName", stage), Decimal(given.get("Amount", value))
                # A word that does not fit is refused.
                with suppress(WordRefused):
                    story.play([step])
                story.play([{"later": "40m"}])
            story.play(["cycle"])
            release_all(story)
            story.play(["cycle", QUEUED, TOLD, "cycle", QUEUED])

            expected = [(value,)] if stage == "Closed Won" and not is_deleted else []
            assert story.world.query(f"select amount from ({SHOWN})") == expected
            assert story.undecided() == [], "each change has exactly one current decision per event"
        finally:
            story.close()


def release_all(story: Story) -> None:
    """A person takes back what was held and dismissed."""
    spoken = story.world.query(
        "select distinct d.event_id from conversions.current_word join conversions.current_decision as d "
        "using (change_id, event) where word in ('hold', 'dismiss')"
    )
    for (event_id,) in spoken:
        with story.world.warehouse.transaction() as con:
            say(con, Word.RELEASE, event_id, reason="as agreed", said_by="Ada", now=story.world.clock.now())


SECOND = {"line 3": {"UnitPrice": 50, "Sku__c": "B"}}
LINES = [
    WON,
    LOST,
    *(quantity(line, value) for line in ("line", "line 2") for value in (1, 2, 3)),
    {"delete": "line 2"},
    SECOND,
]


@settings(max_examples=5, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(st.lists(st.sampled_from([*LINES, *STEPS, "cycle", QUEUED]), min_size=4, max_size=14))
@example([WON, "cycle", QUEUED, LEFT, {"delete": "line 2"}, "cycle", QUEUED, TOLD, SECOND, "cycle"])
@example([WON, "cycle", QUEUED, HANDED_BACK, quantity("line", 3), LOST, "cycle", QUEUED, quantity("line 2", 2), WON])
@example([WON, "cycle", QUEUED, LEFT, LOST, "cycle", quantity("line", 3), {"delete": "line 2"}, "cycle", WON])
def test_in_the_end_the_items_of_a_deal_are_reported_as_they_are(steps: list[Any]) -> None:
    """Cases G5 to G8 in any order, for a deal of two products; a line of one of them goes, another one comes."""
    with tempfile.TemporaryDirectory() as folder:
        story = Story(Path(folder), {"config": "S", "about": "deal"}, SUITE["configs"])
        try:
            story.play(
                [{"deal": {}}, {"line": {"UnitPrice": 100}}, {"line 2": {"UnitPrice": 50}}, "cycle", {"later": "1h"}]
            )
            stage, there = "Prospecting", {"line": 1, "line 2": 1}
            for step in steps:
                if step in LINES:
                    ((word, given),) = step.items()
                    if word == "deal":
                        stage = given["StageName"]
                    elif word == "delete":
                        if "line 2" not in there:
                            continue
                        del there["line 2"]
                    elif word not in there and word != "line 3":
                        continue
                    else:
                        there[word] = given.get("Quantity", 1)
                story.play([step, {"later": "40m"}])
            story.play(["cycle", QUEUED, TOLD, "cycle", QUEUED])

            # A product that comes after the conversion left can't be told: a person decides.
            if story.world.value(
                "select count(*) from conversions.current_decision where reason = 'correction_impossible'"
            ):
                return
            second = there.get("line 2", 0) + there.get("line 3", 0)
            items = [("A", str(there["line"]), f"{there['line'] * 100}.00")]
            items += [("B", str(second), f"{second * 50}.00")] if second else []
            told = story.world.query(
                "select unnest(coalesce(w.items, i.items), recursive := true) "
                f"from ({SHOWN}) as s left join conversions.wanted as w using (event_id) join (select event_id, "
                "list({'ItemSku': ItemSku, 'ItemQuantity': ItemQuantity, 'ItemSubTotal': ItemSubTotal}) as items "
                "from conversions.item group by all) as i using (event_id) order by all"
            )
            assert [one for one in told if one[1] != "0"] == (items if stage == "Closed Won" else [])
        finally:
            story.close()
