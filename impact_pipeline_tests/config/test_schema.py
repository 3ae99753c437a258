"""The JSON Schemas that editors use."""

import json
from pathlib import Path

import pytest

from impact_pipeline.config.load import PACKS
from impact_pipeline.config.parameters import catalogue
from impact_pipeline.config.schema import FOLDER, schemas

FILES = sorted(PACKS.rglob("*.yaml"))


@pytest.mark.parametrize("name", sorted(schemas()))
def test_the_committed_schema_is_up_to_date(name: str) -> None:
    """Otherwise: python -m impact_pipeline.config.schema."""
    assert (FOLDER / name).read_text("utf-8") == schemas()[name]


def test_no_other_schema_lies_there() -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(schemas())


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKS)))
def test_each_file_of_a_pack_names_its_schema(path: Path) -> None:
    first = path.read_text("utf-8").splitlines()[0]

    assert first.startswith("# yaml-language-server: $schema=")
    by_folder = {"objects": "object.schema.json", "tests": "case.schema.json"}
    expected = by_folder.get(path.parent.name, "pipeline.schema.json")
    assert (path.parent / first.partition("=")[2]).resolve() == (FOLDER / expected).resolve()


def test_every_key_is_explained() -> None:
    for text in schemas().values():
        schema = json.loads(text)
        for owner in (schema, *schema["$defs"].values()):
            for key, about in owner.get("properties", {}).items():
                assert about.get("description") or "$ref" in about or key == "sql", key


def test_a_mapping_takes_the_parameters_of_the_catalogue_and_no_others() -> None:
    definitions = json.loads(schemas()["object.schema.json"])["$defs"]
    conversion, items = definitions["Event"]["properties"]["conversion"], definitions["Items"]
    families = {p.family for p in catalogue().by_name.values() if "{" in p.family}

    assert not conversion["additionalProperties"]
    assert not items["additionalProperties"]
    assert {"OrderId", "Oid", "ClickId"} <= set(conversion["properties"])
    assert not {"CampaignId", "ActionTrackerId", "CustomerId", "EventTypeId"} & set(conversion["properties"])
    assert len(conversion["patternProperties"]) + len(items["patternProperties"]) == len(families)


def test_defaults_are_written_as_people_write_them() -> None:
    waits = json.loads(schemas()["pipeline.schema.json"])["$defs"]["Waits"]["properties"]

    assert {key: waits[key]["default"] for key in ("correct_after", "settle_after", "parent_wait")} == {
        "correct_after": "1h",
        "settle_after": "10m",
        "parent_wait": "2d",
    }
