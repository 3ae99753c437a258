"""How a YAML file is read: what its plain words mean, and what it may not contain."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from impact_pipeline.config.errors import Problem
from impact_pipeline.config.files import MOST_BYTES, StrictLoader, read_model
from impact_pipeline.config.models import Pipeline


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("No", "No"),
        ("True", "True"),
        ("true", True),
        ("false", False),
        ("007", "007"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("1e3", "1e3"),
        (".5", ".5"),
        ("42", 42),
        ("-7", -7),
        ("1.10", Decimal("1.10")),
        ("2026-11-01", "2026-11-01"),
        ("2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z"),
        ("~", None),
        ("null", None),
        ("", None),
        ("Null", "Null"),
        ("=", "="),
    ],
)
def test_a_plain_word_means_what_it_says(written: str, meant: Any) -> None:
    """YAML 1.1 would read a category No as false, a SKU 007 as seven and a price 1.10 as 1.1."""
    content = yaml.load(f"key: {written}", Loader=StrictLoader)  # noqa: S506  (a SafeLoader, narrowed)

    assert content == {"key": meant}
    assert type(content["key"]) is type(meant)


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=200) | st.binary(max_size=200))
def test_no_content_does_more_than_raise_a_problem(
    tmp_path_factory: pytest.TempPathFactory, content: str | bytes
) -> None:
    path = tmp_path_factory.mktemp("any") / "pipeline.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    problems: list[Problem] = []

    assert read_model(path, "pipeline.yaml", Pipeline, problems) is None
    assert problems
    assert all(problem.file == "pipeline.yaml" and problem.remedy for problem in problems)


def test_a_file_beyond_reason_is_not_parsed(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.yaml"
    path.write_text("#" * (MOST_BYTES + 1))
    problems: list[Problem] = []

    assert read_model(path, "pipeline.yaml", Pipeline, problems) is None
    assert "larger than" in problems[0].problem


def test_a_folder_in_the_place_of_a_file_is_told(tmp_path: Path) -> None:
    problems: list[Problem] = []

    assert read_model(tmp_path, "pipeline.yaml", Pipeline, problems) is None
    assert "can't be read" in problems[0].problem


def test_a_secret_under_a_known_key_is_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.yaml"
    path.write_text(
        "program: {currency: USD, time_zone: UTC}\nevent_types: {a: {id: 1, kind: lead, auth_token: hunter2}}"
    )
    problems: list[Problem] = []

    read_model(path, "pipeline.yaml", Pipeline, problems)

    assert [problem.key for problem in problems] == ["event_types.a.auth_token"]
    assert "hunter2" not in str(problems)
