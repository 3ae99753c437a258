"""What is wrong in a configuration is said with its file, its key and the remedy: refusals.yaml, one case per rule."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from impact_pipeline.config.errors import ConfigError
from impact_pipeline.config.load import load_config

CASES: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("refusals.yaml").read_text("utf-8"))
GOOD: dict[str, Any] = yaml.safe_load(
    """
    pipeline.yaml:
      program: {currency: USD, time_zone: America/New_York}
      event_types:
        Lead_Qualified: {id: 1, kind: lead}
        Opportunity_Negotiation: {id: 2, kind: lead}
        Opportunity_Closed Won: {id: 3, kind: sale, parents: [Lead_Qualified]}
      waits: {parent_wait: 2d}
      capture: {overlap: 10m}
      guards: {mass_change: 20%}
      value_maps: {tiers: {Gold: G}}
    objects/lead.yaml:
      object: Lead
      events:
        qualified:
          updated: [Status]
          when: Status = 'Qualified'
          conversion:
            EventTypeCode: "Lead_{Status}"
            OrderId: "Lead_{Id}"
            EventDate: "{_event_at}"
            Text2: "{Tier__c|map:tiers}"
    objects/opportunity.yaml:
      object: Opportunity
      events:
        negotiation:
          updated: [StageName]
          when: StageName = 'Negotiation'
          conversion: {EventTypeCode: "Opportunity_Negotiation", OrderId: "N_{Id}", EventDate: "{_event_at}"}
        won:
          updated: [StageName]
          history: stages
          when: StageName = 'Closed Won'
          conversion:
            EventTypeCode: "Opportunity_Closed Won"
            OrderId: "{Id}"
            EventDate: "{_event_at}"
            CurrencyCode: "{_currency}"
          items:
            object: OpportunityLineItem
            ItemSku: "{Product2Id}"
            ItemCategory: all
            ItemQuantity: "{Quantity}"
            ItemSubTotal: "{TotalPrice}"
          after:
            - {deleted: true, do: reverse}
    """
)


def test_the_good_configuration_loads_without_a_warning(tmp_path: Path) -> None:
    assert load_config(written(tmp_path, {"in": "pipeline.yaml"})).warnings == ()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["it"].replace(" ", "_"))
def test_it(case: dict[str, Any], tmp_path: Path) -> None:
    folder = written(tmp_path, case)

    with pytest.raises(ConfigError) as raised:
        load_config(folder)

    says, (problem, *others) = case["says"], raised.value.problems
    assert not others, str(raised.value)
    assert (problem.file, problem.key) == (case["in"], says["key"])
    assert says["problem"] in problem.problem, str(problem)
    assert says["remedy"] in problem.remedy, str(problem)
    assert says.get("never", "\0") not in str(raised.value)


def test_all_problems_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    folder = written(tmp_path, {"in": "pipeline.yaml", "set": {"program.time_zone": "Mars", "sending_": "on"}})
    spoiled = (folder / "objects/lead.yaml").read_text("utf-8").replace("Lead_{Id}", "Lead_{Id")
    (folder / "objects/lead.yaml").write_text(spoiled.replace("when:", "wen:"), "utf-8")

    with pytest.raises(ConfigError) as raised:
        load_config(folder)

    assert {problem.file for problem in raised.value.problems} == {"pipeline.yaml", "objects/lead.yaml"}


def test_every_case_is_a_rule_of_its_own() -> None:
    assert len({case["it"] for case in CASES}) == len(CASES) >= 35


def written(folder: Path, case: dict[str, Any]) -> Path:
    """The good configuration with one file spoiled."""
    files = copy.deepcopy(GOOD)
    name = case["in"]
    if "copy" in case:
        files[name] = files[case["copy"]]
    for key, value in case.get("set", {}).items():
        place, last = at(files[name], key)
        place[last] = value
    for key in case.get("drop", []):
        place, last = at(files[name], key)
        del place[last]
    if "repeat" in case:
        long = case["repeat"]
        place, last = at(files[name], long["key"])
        place[last] = long["text"] * long["times"] + long["end"]
    if case.get("remove"):
        files = {file: content for file, content in files.items() if not file.startswith(name)}
    (folder / "objects").mkdir()
    for file, content in files.items():
        (folder / file).write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), "utf-8")
    if "text" in case:
        (folder / name).write_text(case["text"], "utf-8")
    if "latin1" in case:
        (folder / name).write_text(case["latin1"], "latin-1")
    return folder


def at(content: dict[str, Any], key: str) -> tuple[dict[str, Any], str]:
    """Where a key with dots stands: the mapping that holds it, and its last part."""
    *path, last = key.split(".")
    for part in path:
        content = content[part]
    return content, last
