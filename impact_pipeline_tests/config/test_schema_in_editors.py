"""What an editor makes of the JSON Schemas: it is content with what loads, and marks what does not."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import yaml

from impact_pipeline.config.files import StrictLoader
from impact_pipeline.config.load import PACKS
from impact_pipeline.config.schema import schemas
from impact_pipeline_tests.config.test_docs import BLOCKS
from impact_pipeline_tests.config.test_refusals import CASES, GOOD, at

SCHEMAS = {name: json.loads(text) for name, text in schemas().items()}
SAYS_NOTHING_OF_VALUES = {"$defs", "$schema", "title", "description", "default", "format"}
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float, Decimal),
    "boolean": (bool,),
    "null": (type(None),),
}
# Rules that a schema can tell, out of all those that loading checks.
TOLD = [
    "suggests the key that was meant",
    "lists the keys of a place where none is near",
    "names the key that is missing, and what it means",
    "wants an event",
    "wants a duration with its unit",
    "wants a share, not a percentage",
    "wants a currency of ISO 4217",
    "knows on, shadow and off",
    "knows leads and sales",
    "suggests the parameter that was meant",
    "sends an item parameter to the items",
    "sends an order parameter to the conversion",
    "refuses a list of templates without any",
]


@pytest.mark.parametrize("path", sorted(PACKS.rglob("*.yaml")), ids=lambda path: str(path.relative_to(PACKS)))
def test_an_editor_finds_nothing_in_the_packs(path: Any) -> None:
    assert list(mistakes(f"{path.parent.name}/{path.name}", path.read_text("utf-8"))) == []


@pytest.mark.parametrize("name", [name for name in BLOCKS if name.endswith(".yaml")])
def test_an_editor_finds_nothing_in_the_examples_of_the_docs(name: str) -> None:
    assert list(mistakes(name, BLOCKS[name])) == []


@pytest.mark.parametrize("case", [case for case in CASES if case["it"] in TOLD], ids=lambda case: case["it"])
def test_an_editor_marks_what_loading_would_refuse(case: dict[str, Any]) -> None:
    content = yaml.safe_load(yaml.safe_dump(GOOD[case["in"]]))
    for key, value in case.get("set", {}).items():
        place, last = at(content, key)
        place[last] = value
    for key in case.get("drop", []):
        place, last = at(content, key)
        del place[last]

    marked = [mistake.split(": ")[0] for mistake in mistakes(case["in"], yaml.safe_dump(content))]
    # Where a key may be null, the mapping around a mistake is marked.
    assert any(f"{case['says']['key']}.".startswith(f"{place}.") for place in marked), marked


def mistakes(name: str, text: str) -> Iterator[str]:
    """What a validator of JSON Schema says of a file; only the words of the standard that our schemas use."""
    kinds = {"objects": "object.schema.json", "tests": "case.schema.json"}
    schema = SCHEMAS[kinds.get(name.partition("/")[0], "pipeline.schema.json")]
    return found(yaml.load(text, Loader=StrictLoader), schema, schema["$defs"], "")  # noqa: S506


def found(value: Any, schema: dict[str, Any], definitions: dict[str, Any], where: str) -> Iterator[str]:
    for word, wanted in schema.items():
        match word:
            case "$ref":
                yield from found(value, definitions[wanted.rpartition("/")[2]], definitions, where)
            case "anyOf":
                if all(list(found(value, option, definitions, where)) for option in wanted):
                    yield f"{where}: none of the forms"
            case "type":
                kinds = [wanted] if isinstance(wanted, str) else wanted
                fits = any(isinstance(value, TYPES[kind]) for kind in kinds)
                if not fits or (isinstance(value, bool) and "boolean" not in kinds):
                    yield f"{where}: no {wanted}"
            case "properties" | "patternProperties" | "additionalProperties" if isinstance(value, dict):
                for key, inner in value.items():
                    if chosen_by(key, schema) == word:
                        yield from of_key(key, inner, word, wanted, definitions, f"{where}.{key}".lstrip("."))
            case "items" if isinstance(value, list):
                for place, inner in enumerate(value):
                    yield from found(inner, wanted, definitions, f"{where}.{place}")
            case "required" if isinstance(value, dict):
                yield from (f"{where}.{key}".lstrip(".") + ": missing" for key in wanted if key not in value)
            case (
                "enum" | "pattern" | "minItems" | "minProperties" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum"
            ):
                if not holds(word, value, wanted):
                    yield f"{where}: against {word}"
            case _:
                known = {"properties", "patternProperties", "additionalProperties", "items", "required"}
                assert word in SAYS_NOTHING_OF_VALUES | known, word


def chosen_by(key: str, schema: dict[str, Any]) -> str:
    if key in schema.get("properties", {}):
        return "properties"
    patterns = schema.get("patternProperties", {})
    return "patternProperties" if any(re.search(one, key) for one in patterns) else "additionalProperties"


def of_key(key: str, value: Any, word: str, wanted: Any, definitions: dict[str, Any], where: str) -> Iterator[str]:
    if word == "properties":
        yield from found(value, wanted[key], definitions, where)
    elif word == "patternProperties":
        for pattern, inner in wanted.items():
            if re.search(pattern, key):
                yield from found(value, inner, definitions, where)
    elif wanted is False:
        yield f"{where}: unknown"
    elif wanted is not True:
        yield from found(value, wanted, definitions, where)


def holds(word: str, value: Any, wanted: Any) -> bool:
    if word == "enum":
        return value in wanted
    if word == "pattern":
        return not isinstance(value, str) or re.search(wanted, value) is not None
    if word in ("minItems", "minProperties"):
        return not isinstance(value, (list, dict)) or len(value) >= wanted
    if not isinstance(value, (int, float, Decimal)):
        return True
    return bool(
        {"maximum": value <= wanted, "exclusiveMinimum": value > wanted, "exclusiveMaximum": value < wanted}[word]
    )
