"""Golden payloads: the very bodies that both packs make of records with a value for each of the 27 published rows."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import yaml

from impact_pipeline.cli.invented_org import InventedOrg
from impact_pipeline.cli.mapping_cases import NamedCase, outcomes
from impact_pipeline.config.cases import Case
from impact_pipeline.config.files import StrictLoader
from impact_pipeline.config.load import PACKS, Config, load_config
from impact_pipeline_tests.config.test_published_mapping import PUBLISHED

_TEXT = Path(__file__).with_name("payloads.yaml").read_text("utf-8")
RECORDS: dict[str, Any] = yaml.load(_TEXT, Loader=StrictLoader)["records"]  # noqa: S506
PACK_NAMES = ("impact_com", "recommended")
PAGE = Path(__file__).parents[2] / "docs/mapping.md"


def golden(record: dict[str, Any], pack: str) -> str | None:
    """The body as it leaves; None where nothing does."""
    return str(record[pack]).replace(" ", "") if pack in record else None


def sent(record: dict[str, Any], pack: str) -> dict[str, str]:
    return dict(parse_qsl(golden(record, pack) or "", strict_parsing=pack in record))


def is_as_published(row: tuple[str, str, str, str], pack: str) -> bool:
    """Whether every record of the row's object sends what the row says, on each of its lines."""
    object_name, _, _, parameter = row
    of_object = [one for one in RECORDS.values() if one["object"] == object_name]
    pattern = re.compile(re.escape(parameter.removesuffix("1")) + (r"\d+" if parameter.startswith("Item") else ""))
    wanted = [(one, name, str(value)) for one in of_object for name, value in one["letter"].items()]
    told = [(one, name, value) for one, name, value in wanted if pattern.fullmatch(name)]
    assert told, f"no record has a value for {row}"
    return all(sent(one, pack).get(name) == value for one, name, value in told)


@pytest.mark.parametrize("pack", PACK_NAMES)
def test_each_record_leaves_as_its_golden_body(pack: str) -> None:
    config = load_config(PACKS / pack)
    mapped = {name: one for name, one in RECORDS.items() if one["object"] in config.objects}

    bodies = bodies_of(config, mapped)

    assert bodies == {name: golden(one, pack) for name, one in mapped.items()}
    assert not any(pack in one for name, one in RECORDS.items() if name not in mapped)


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: f"{row[0]}: {row[1]} → {row[3]}")
def test_a_row_that_does_not_leave_to_the_letter_has_its_reason_where_users_read_it(
    row: tuple[str, str, str, str],
) -> None:
    """By impact_com as a warning of loading that names the row; by both in the documentation, row by row."""
    object_name, field, _, parameter = row
    said = {(cells[0], cells[1]): cells[2:] for cells in table()}[object_name, f"{field} → {parameter}"]

    for pack, words in zip(PACK_NAMES, said, strict=True):
        assert is_as_published(row, pack) == words.startswith("as published"), pack
        assert words, pack
    if not is_as_published(row, "impact_com"):
        named = (f"published mapping, {field} → {parameter}: ", f"published mapping, {field.partition('_')[0]}s: ")
        assert any(one in warning for warning in load_config(PACKS / "impact_com").warnings for one in named)


def test_the_documentation_tells_the_published_rows_and_no_others() -> None:
    assert [tuple(cells[:2]) for cells in table()] == [
        (object_name, f"{field} → {parameter}") for object_name, field, _, parameter in PUBLISHED
    ]


def table() -> list[list[str]]:
    """The rows of the documentation's table, without the marks of code."""
    section = PAGE.read_text("utf-8").partition("## The published mapping, row by row")[2]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.replace("`", "").strip("|").split(" | ")] for line in lines[1:]]


def bodies_of(config: Config, records: dict[str, Any]) -> dict[str, str | None]:
    """Record → the body of the one event that sends it."""
    org = InventedOrg()
    cases = []
    for name, one in records.items():
        given = {key: one[key] for key in ("before", "record", "lines", "first_lead") if key in one}
        case = Case.model_validate(given | {"then": {}})
        problems = [*org.learn("", name, one["object"], case.record)]
        for line in case.lines:
            problems += org.learn("", name, config.lines()[one["object"]][0], line)
        assert not problems
        cases.append(NamedCase(file="", name=name, object=one["object"], case=case))
    org.learn_paths(config)
    found: dict[str, str | None] = {}
    for case_, events in zip(cases, outcomes(config, org, cases), strict=True):
        left = [outcome.payload for outcome in events.values() if outcome.payload is not None]
        found[case_.name] = left[0] if len(left) == 1 else None
    return found
