"""What docs/ says of the configuration is what the package does."""

import re
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner

from impact_pipeline.cli import cli
from impact_pipeline.config.expressions import FUNCTIONS
from impact_pipeline.config.load import Config, load_config
from impact_pipeline.config.parameters import catalogue
from impact_pipeline.config.parameters_page import page

DOCS = Path(__file__).parents[2] / "docs"
MAPPING = (DOCS / "mapping.md").read_text("utf-8")
BLOCKS = dict(re.findall(r"^```yaml\n# (\S+)\n(.*?)^```$", MAPPING, re.MULTILINE | re.DOTALL))


def test_every_example_of_the_page_says_what_it_is() -> None:
    assert MAPPING.count("```yaml") == len(BLOCKS)
    assert {"pipeline.yaml", "templates"} < set(BLOCKS)


def test_the_examples_of_the_page_are_a_configuration_without_warnings(tmp_path: Path) -> None:
    config = load(tmp_path, BLOCKS)

    assert sorted(config.objects) == ["Opportunity", "Tier__c"]
    assert config.warnings == (
        "pipeline.yaml: event_types.Lead_Qualified: no event of an object file can give this code.",
    )


def test_the_cases_of_the_page_pass(tmp_path: Path) -> None:
    load(tmp_path, BLOCKS)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/opportunity.yaml").write_text(BLOCKS["tests/opportunity.yaml"], "utf-8")

    result = CliRunner().invoke(cli, ["test-mapping", "--config", str(tmp_path)])

    assert result.exit_code == 0, result.output


def test_the_templates_of_the_page_load(tmp_path: Path) -> None:
    opportunity: dict[str, Any] = yaml.safe_load(BLOCKS["objects/opportunity.yaml"])
    templates = yaml.safe_load(BLOCKS["templates"])
    opportunity["events"]["won"]["conversion"] |= templates

    config = load(tmp_path, {**BLOCKS, "objects/opportunity.yaml": yaml.safe_dump(opportunity)})

    assert set(templates) <= set(config.objects["Opportunity"].events["won"].conversion)


def test_the_page_names_every_function_that_an_expression_may_call() -> None:
    (listed,) = re.findall(r"<!-- functions -->\n(.*?)\n\n", MAPPING, re.DOTALL)

    assert listed.replace("\n", " ") == ", ".join(f"`{name}`" for name in FUNCTIONS) + "."


def test_the_page_of_parameters_is_current() -> None:
    """Mended by: python -m impact_pipeline.config.parameters_page > docs/parameters.md"""
    assert (DOCS / "parameters.md").read_text("utf-8") == page(catalogue())


def load(folder: Path, files: dict[str, str]) -> Config:
    (folder / "objects").mkdir()
    for name, text in files.items():
        if name.endswith(".yaml") and not name.startswith("tests/"):
            (folder / name).write_text(text, "utf-8")
    return load_config(folder)
