"""The conformance suite of changes and decisions: every row of cases.yaml bears the id of its rule."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from impact_pipeline.capture.salesforce.errors import UnknownObject
from impact_pipeline_tests.conversions.story import Story

TESTS = Path(__file__).parent.parent
SUITE = yaml.safe_load(Path(__file__).with_name("cases.yaml").read_text("utf-8"))


@pytest.mark.parametrize("case", SUITE["cases"], ids=[f"{case['id']}: {case['case']}" for case in SUITE["cases"]])
def test_a_change_is_answered_as_its_case_says(case: dict[str, Any], tmp_path: Path) -> None:
    story = Story(tmp_path, case, SUITE["configs"])
    try:
        story.play(case.get("given", []))
        story.play([{"given ends": ""}, *case["when"]])

        assert sorted(story.answers()) == sorted(case["then"])
        for sql, expected in case.get("also", {}).items():
            assert [list(row) for row in story.world.query(sql)] == expected
        assert story.undecided() == [], "each change has exactly one current decision per event"
        assert story.groundless() == [], "no conversion without a change"
    finally:
        story.close()


def test_a_history_that_the_org_does_not_tell_is_refused(tmp_path: Path) -> None:
    """Case A22: without it every passage would wait, and then be reported with a time that nobody knows."""
    but = {"objects/lead/events/status/history": "fields", "objects/lead/events/status/updated": ["Status"]}
    story = Story(tmp_path, {"config": "L", "about": "lead", "but": but}, SUITE["configs"])
    try:
        with pytest.raises(UnknownObject, match="LeadHistory"):
            story.play([{"lead": {}}, "cycle"])

        assert story.world.value("select count(*) from audit.extraction") == 0
    finally:
        story.close()


def test_what_is_told_elsewhere_is_there() -> None:
    told = {case["id"] for case in SUITE["cases"]}

    assert told.isdisjoint(SUITE["elsewhere"])
    for rule, file in SUITE["elsewhere"].items():
        assert f"Case {rule}:" in (TESTS / file).read_text("utf-8")


def test_no_case_is_told_twice() -> None:
    ids = [case["id"] for case in SUITE["cases"]]

    assert len(ids) == len(set(ids))


def test_every_rule_of_the_suite_is_told() -> None:
    rules = {f"{letter}{number}" for letter, last in SUITE["rules"].items() for number in range(1, last + 1)}

    told = {case["id"].rstrip("abcdefghijklmnopqrstuvwxyz") for case in SUITE["cases"]} | set(SUITE["elsewhere"])

    assert len(rules) == 137
    assert told == rules
