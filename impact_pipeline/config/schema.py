"""
The JSON Schemas of pipeline.yaml, of object files and of cases, for editors.

`python -m impact_pipeline.config.schema` writes them anew.
"""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from impact_pipeline.config.cases import CaseFile
from impact_pipeline.config.models import ObjectFile, Pipeline, short_duration
from impact_pipeline.config.parameters import Parameter, catalogue, family_range

FOLDER = Path(__file__).with_name("schema")


def schemas() -> dict[str, str]:
    """File name → its text."""
    pipeline = Pipeline.model_json_schema()
    objects = ObjectFile.model_json_schema()
    known = catalogue()
    event, items = objects["$defs"]["Event"], objects["$defs"]["Items"]
    objects["$defs"]["Template"] = event["properties"]["conversion"]["additionalProperties"]
    order, order_families = _parameters([p for p in known.of_order() if not p.filled_by])
    for alias, name in known.aliases.items():
        if name in order:
            order[alias] = {**order[name], "description": f"Another name of {name}."}
    event["properties"]["conversion"] = {
        "type": "object",
        "description": event["properties"]["conversion"]["description"],
        "properties": order,
        "patternProperties": order_families,
        "additionalProperties": False,
    }
    item, item_families = _parameters(known.of_items())
    items["properties"] |= item
    items["patternProperties"] = item_families
    items["additionalProperties"] = False
    return {
        "pipeline.schema.json": _text("pipeline.yaml", pipeline),
        "object.schema.json": _text("objects/<object>.yaml", objects),
        "case.schema.json": _text("tests/*.yaml", CaseFile.model_json_schema()),
    }


def main() -> None:
    """Write the files."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in schemas().items():
        (FOLDER / name).write_text(text, "utf-8")


def _parameters(parameters: list[Parameter]) -> tuple[dict[str, Any], dict[str, Any]]:
    singles: dict[str, Any] = {}
    families: dict[str, Any] = {}
    for parameter in parameters:
        about = {"$ref": "#/$defs/Template", "description": _description(parameter)}
        if "{" in parameter.family:
            stem, numbers = family_range(parameter.family)
            families[f"^{stem}({'|'.join(map(str, numbers))})$"] = about
        else:
            singles[parameter.name] = about
    return singles, families


def _description(parameter: Parameter) -> str:
    said = [parameter.kind]
    if parameter.max_length:
        said.append(f"at most {parameter.max_length} characters, {'cut' if parameter.may_be_cut else 'never cut'}")
    if parameter.digits:
        said.append(f"at most {parameter.digits} digits before the point")
    if parameter.is_key:
        said.append("an attribution key")
    if parameter.required:
        said.append("required")
    if parameter.elsewhere:
        said.append("not in impact.com's API description")
    return "; ".join(said)


def _readable(schema: Any) -> Any:
    """Without generated titles, and with durations as people write them."""
    if isinstance(schema, list):
        return [_readable(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _readable(value) for key, value in schema.items() if key != "title" or not isinstance(value, str)}
    default = kept.get("default")
    if isinstance(default, str) and re.match(r"P[T\d]", default):
        kept["default"] = short_duration(TypeAdapter(timedelta).validate_python(default))
    return kept


def _text(title: str, schema: dict[str, Any]) -> str:
    content = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **_readable(schema)}
    return json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    main()
