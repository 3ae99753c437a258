"""The rules of values and items: every case of rules.yaml goes through the statements that map captured records."""

import copy
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from impact_pipeline.cli.invented_org import InventedOrg
from impact_pipeline.cli.mapping_cases import NamedCase, outcomes
from impact_pipeline.cli.test_mapping import differences, parameters
from impact_pipeline.config.cases import Case
from impact_pipeline.config.files import StrictLoader
from impact_pipeline.config.load import Config, load_config

SUITE: dict[str, Any] = yaml.load(Path(__file__).with_name("rules.yaml").read_text("utf-8"), Loader=StrictLoader)  # noqa: S506


@pytest.mark.parametrize("group", SUITE["groups"], ids=lambda group: str(group["about"]).replace(" ", "_"))
def test_values_leave_as_their_rules_say(group: dict[str, Any], tmp_path: Path) -> None:
    config = written(tmp_path, group.get("but", {}))
    cases = [
        NamedCase(
            file="rules.yaml", name=name, object=group.get("object", "Opportunity"), case=Case.model_validate(case)
        )
        for name, case in group["cases"].items()
    ]

    found = outcomes(config, org_of(config, cases, group.get("types", {})), cases)

    wrong = {one.name: lines for one, answers in zip(cases, found, strict=True) if (lines := differences(one, answers))}
    assert not wrong, "\n".join(line for name, lines in wrong.items() for line in (name, *lines))


@pytest.mark.parametrize("cents_missing", [0, 1])
def test_a_deal_of_1114_lines_is_told_whole_and_to_the_cent(tmp_path: Path, cents_missing: int) -> None:
    """Every third line has the product code of the first, and every line an odd amount of cents."""
    lines = [
        {
            "SortOrder": number,
            "Sku__c": "SKU-0" if number % 3 == 0 else f"SKU-{number}",
            "Category__c": "c",
            "Quantity": 1,
            "TotalPrice": Decimal(number) + Decimal("0.01"),
        }
        for number in range(1114)
    ]
    total = sum(Decimal(str(line["TotalPrice"])) for line in lines)
    record = {"StageName": "Closed Won", "Amount": total + Decimal(cents_missing) / 100}
    case = NamedCase(
        file="", name="", object="Opportunity", case=Case.model_validate({"record": record, "lines": lines, "then": {}})
    )
    config = written(tmp_path, {})

    (found,) = outcomes(config, org_of(config, [case], {}), [case])

    if cents_missing:
        assert (found["won"].decision, found["won"].reason) == ("hold", "items_mismatch")
        return
    sent = parameters(found["won"])
    codes = list(dict.fromkeys(str(line["Sku__c"]) for line in lines))
    assert [sent[f"ItemSku{number}"] for number in range(1, len(codes) + 1)] == codes
    assert sum(Decimal(sent[f"ItemSubTotal{number}"]) for number in range(1, len(codes) + 1)) == total
    assert f"ItemSku{len(codes) + 1}" not in sent
    assert sent["ItemQuantity1"] == "372"


def written(folder: Path, but: dict[str, Any]) -> Config:
    """The configuration of the suite, changed."""
    files = copy.deepcopy(SUITE["config"])
    for path, value in but.items():
        file = next(name for name in files if path.startswith(f"{name}/"))
        *parts, last = path.removeprefix(f"{file}/").split("/")
        at = files[file]
        for part in parts:
            at = at.setdefault(part, {})
        if value is None:
            at.pop(last)
        else:
            at[last] = value
    (folder / "objects").mkdir()
    for name, content in files.items():
        (folder / name).write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
    return load_config(folder)


def org_of(config: Config, cases: list[NamedCase], types: dict[str, dict[str, str]]) -> InventedOrg:
    """The org with the fields that the cases use."""
    org = InventedOrg()
    problems = list(org.declare("rules.yaml", types))
    for one in cases:
        problems += org.learn(one.file, one.name, one.object, one.case.record)
        problems += org.learn(one.file, one.name, one.object, one.case.before or {})
        for line in one.case.lines:
            problems += org.learn(one.file, one.name, config.lines()[one.object][0], line)
    assert not problems
    org.learn_paths(config)
    return org
