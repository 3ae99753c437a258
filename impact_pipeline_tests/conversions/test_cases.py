"""The conformance suite of changes and decisions: every row of cases.yaml bears the id of its rule."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from impact_pipeline_tests.conversions.story import Story

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
    finally:
        story.close()


def test_no_case_is_told_twice() -> None:
    ids = [case["id"] for case in SUITE["cases"]]

    assert len(ids) == len(set(ids))
