"""`impact-pipeline test-mapping`: a user's own cases go through the statements that decide about captured records."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from impact_pipeline.cli import cli
from impact_pipeline.cli.mapping_cases import read_cases
from impact_pipeline.config.load import PACKS, RECOMMENDED, load_config

TIER = """
object: Tier__c
customer_id: ["{Deal__r.Account.Customer_Id__c?}", "{Deal__c}"]
events:
  reached:
    created: true
    updated: [Level__c]
    when: Points__c >= 100.5 and Since__c > '2026-01-01'
    conversion:
      EventTypeCode: Lead_Qualified
      OrderId: "Tier_{Id}"
      EventDate: "{_event_at}"
      Text1: "{Deal__r.Account.Owner.Manager.Name}"
      Text2: "{Owner.Name}"
      Text3: "{Plan__r.Bundle__r.Label__c}"
      Numeric1: "{Points__c}"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The recommended pack without its cases."""
    shutil.copytree(RECOMMENDED, tmp_path / "config", ignore=shutil.ignore_patterns("tests"))
    (tmp_path / "config/tests").mkdir()
    return tmp_path / "config"


def write(folder: Path, name: str, **content: Any) -> None:
    # Without aliases, which no file of a configuration may have.
    plain = json.loads(json.dumps(content))
    (folder / f"tests/{name}.yaml").write_text(yaml.safe_dump(plain, sort_keys=False), "utf-8")


def run(folder: Path, *options: str) -> Result:
    return CliRunner().invoke(cli, ["test-mapping", "--config", str(folder), *options], prog_name="impact-pipeline")


@pytest.mark.parametrize("pack", ["recommended", "impact_com"])
def test_the_cases_of_each_pack_pass(pack: str) -> None:
    result = run(PACKS / pack)

    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[-1].endswith("passed, 0 failed.")


def test_the_recommended_pack_has_a_case_for_each_event() -> None:
    config = load_config(RECOMMENDED)
    cases, _ = read_cases(config)

    told = {(one.object, event) for one in cases for event, then in one.case.then.items() if isinstance(then, dict)}

    assert told == {(name, event) for name, about in config.objects.items() for event in about.events}


def test_what_comes_out_otherwise_is_told_parameter_by_parameter(folder: Path) -> None:
    lead = {"Id": "00Q000000000001", "Status": "Qualified", "Country": "US"}
    wanted = {"EventTypeCode": "Lead_Qualified", "EventDate": "2026-11-20T11:00:00Z", "Text1": "Hatfan"}
    write(
        folder,
        "lead",
        object="Lead",
        cases={
            "a lead that becomes Qualified": {
                "before": {"Status": "Open"},
                "record": lead,
                "then": {"qualified": {"send": wanted}},
            },
            "a lead without an id": {
                "before": {"Status": "Open"},
                "record": {**lead, "Customer_Id__c": "ada@hatfan.example"},
                "then": {"qualified": "send"},
            },
            "a lead that is lost": {"before": {"Status": "Qualified"}, "record": {"Status": "Lost"}, "then": {}},
        },
    )

    result = run(folder)

    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "FAILED  tests/lead.yaml: a lead that becomes Qualified",
        "          qualified: EventDate: expected '2026-11-20T11:00:00Z', got '2026-11-20T10:00:00Z'",
        "          qualified: Text1: expected 'Hatfan', got nothing",
        "          qualified: OrderId: expected nothing, got 'Lead_Qualified_00Q000000000001EAA'",
        "          qualified: CustomerId: expected nothing, got '00Q000000000001EAA'",
        "          qualified: CustomerCountry: expected nothing, got 'US'",
        "FAILED  tests/lead.yaml: a lead without an id",
        "          qualified: expected send, got hold personal_data (CustomerId: looks like an e-mail address)",
        "passed  tests/lead.yaml: a lead that is lost",
        "1 passed, 2 failed.",
    ]


def test_an_event_that_a_case_does_not_name_has_to_skip(folder: Path) -> None:
    write(folder, "deal", object="Opportunity", cases={"won": {"record": {"StageName": "Closed Won"}, "then": {}}})

    result = run(folder)

    assert result.exit_code == 1
    assert "won: expected skip, got hold amount_missing (items: no lines and no amount)" in result.output


def test_parents_of_any_depth_are_written_where_they_belong(folder: Path) -> None:
    """Custom look-ups, a polymorphic owner, and custom fields that get the type of the values that cases give them."""
    (folder / "objects/tier.yaml").write_text(TIER, "utf-8")
    person = {"LastName": "Bo", "Name": "Bo", "Manager": {"Name": "Ada"}}
    record = {
        "Id": "a01000000000001",
        "Level__c": "Gold",
        "Points__c": 100.50,
        "Since__c": "2026-03-01",
        "Owner": {"Name": "Cy"},
        "Deal__r": {"Id": "006000000000001", "Account": {"Customer_Id__c": "cus-1", "Owner": person}},
        "Plan__r": {"Bundle__r": {"Label__c": "All in"}},
    }
    sent = {
        "EventTypeCode": "Lead_Qualified",
        "EventDate": "2026-11-20T10:00:00Z",
        "OrderId": "Tier_a01000000000001AAA",
        "CustomerId": "cus-1",
        "Text1": "Ada",
        "Text2": "Cy",
        "Text3": "All in",
        "Numeric1": "100.5",
    }
    write(
        folder,
        "tier",
        object="Tier__c",
        types={"Tier__c": {"Deal__c": "reference Opportunity as Deal__r"}},
        cases={
            "reached": {"record": record, "then": {"reached": {"send": sent}}},
            "too early": {"record": {**record, "Since__c": "2025-03-01"}, "then": {"reached": "skip condition_false"}},
        },
    )

    result = run(folder)

    assert result.exit_code == 0, result.output


def test_a_deal_has_a_primary_contact(folder: Path) -> None:
    path = folder / "objects/opportunity.yaml"
    text = path.read_text("utf-8").replace('["{Customer_Id__c?}"', '["{primary_contact.Customer_Id__c}"', 1)
    path.write_text(text.replace('Date3: "{CloseDate}"', 'Text1: "{primary_contact.Account.Name}"', 1), "utf-8")
    case = {"before": {"StageName": "Proposal"}, "record": {"Id": "006000000000001", "StageName": "Negotiation"}}
    contact = {"Customer_Id__c": "cus-1", "Account": {"Name": "Hatfan"}}
    sent = {
        "EventTypeCode": "Opportunity_Negotiation",
        "EventDate": "2026-11-20T10:00:00Z",
        "OrderId": "Opportunity_Negotiation_006000000000001AAA",
        "CustomerId": "cus-1",
        "Text1": "Hatfan",
    }
    then = {"negotiation": {"send": sent}}
    without = {name: value for name, value in sent.items() if name != "Text1"} | {"CustomerId": "006000000000001AAA"}
    write(
        folder,
        "deal",
        object="Opportunity",
        cases={
            "with one": {**case, "primary_contact": contact, "then": then},
            "without": {**case, "then": {"negotiation": {"send": without}}},
        },
    )

    result = run(folder)

    assert result.exit_code == 0, result.output


def test_scripts_get_every_answer_as_json(folder: Path) -> None:
    record = {"Id": "00Q000000000001", "Status": "Qualified"}
    case = {"before": {"Status": "Open"}, "record": record, "then": {"qualified": "send field_changed"}}
    write(folder, "lead", object="Lead", cases={"a lead": case})

    result = run(folder, "--json")

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {
        "passed": 1,
        "failed": 0,
        "cases": [
            {
                "file": "tests/lead.yaml",
                "case": "a lead",
                "passed": True,
                "differences": [],
                "events": {
                    "qualified": {
                        "object": "Lead",
                        "Id": "00Q000000000001EAA",
                        "decision": "send",
                        "reason": "field_changed",
                        "detail": None,
                        "cut": [],
                        "parameters": {
                            "EventTypeCode": "Lead_Qualified",
                            "EventDate": "2026-11-20T10:00:00Z",
                            "OrderId": "Lead_Qualified_00Q000000000001EAA",
                            "CustomerId": "00Q000000000001EAA",
                        },
                    }
                },
            }
        ],
    }


def test_a_configuration_that_is_off_and_not_live_yet_can_be_tried(folder: Path) -> None:
    path = folder / "pipeline.yaml"
    text = path.read_text("utf-8").replace("sending: on ", "go_live_at: 2027-01-01T00:00:00Z\nsending: off ")
    path.write_text(text, "utf-8")
    case = {"before": {"Status": "Open"}, "record": {"Status": "Qualified"}, "then": {"qualified": "send"}}
    write(folder, "lead", object="Lead", cases={"a lead": case})

    result = run(folder)

    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({}, ["tests/x.yaml: object", "tests/x.yaml: cases", "the key is missing"]),
        ({"object": "Leed", "cases": {"a": {"record": {}, "then": {}}}}, ["object = 'Leed'", "Did you mean Lead?"]),
        ({"object": "Lead", "cases": {}}, ["cases", "at least 1"]),
        ({"object": "Lead", "cases": {"a": {"then": {}}}}, ["cases.a.record", "missing"]),
        (
            {"object": "Lead", "cases": {"a": {"record": {"Stattus": "x"}, "then": {"qualifyed": "send"}}}},
            ["cases.a.record.Stattus", "Did you mean Status?", "cases.a.then.qualifyed", "Did you mean qualified?"],
        ),
        (
            {"object": "Lead", "cases": {"a": {"record": {"Acount": {"Name": "x"}}, "lines": [{}], "then": {}}}},
            ["cases.a.record.Acount", "no relationship", "cases.a.lines", "no event has items"],
        ),
        (
            {"object": "Lead", "cases": {"a": {"record": {}, "then": {"qualified": "sent"}}}},
            ["cases.a.then.qualified = 'sent'", "write send:"],
        ),
        (
            {"object": "Lead", "types": {"Lead": {"X__c": "number"}}, "cases": {"a": {"record": {}, "then": {}}}},
            ["types.Lead.X__c = 'number'", "no type"],
        ),
    ],
)
def test_a_case_that_can_not_be_read_is_named_with_its_remedy(
    folder: Path, content: dict[str, Any], words: list[str]
) -> None:
    write(folder, "x", **content)

    result = run(folder)

    assert result.exit_code == 2, result.output
    for word in words:
        assert word in result.output


def test_a_folder_without_a_case_is_no_success(folder: Path) -> None:
    result = run(folder)

    assert result.exit_code == 2
    assert "there is no case" in result.output


def test_a_condition_that_no_value_can_meet_is_an_error_and_not_a_failure_of_every_cycle(folder: Path) -> None:
    path = folder / "objects/lead.yaml"
    path.write_text(path.read_text("utf-8").replace("when: Status = 'Qualified'", "when: Status = 5"), "utf-8")
    write(folder, "lead", object="Lead", cases={"a": {"record": {"Status": "Open"}, "then": {}}})

    result = run(folder)

    assert result.exit_code == 2
    assert "objects/lead.yaml: events.qualified.when = 'Status = 5': Status is a text" in result.output


def test_the_history_of_a_number_or_a_date_is_read_as_such(folder: Path) -> None:
    """Salesforce writes the values of all tracked fields as texts."""
    (folder / "objects/account.yaml").write_text(
        """
        object: Account
        events:
          grown:
            updated: [NumberOfEmployees, Founded__c]
            history: fields
            when: NumberOfEmployees > 9 and before.NumberOfEmployees < 9 and Founded__c < '2020-01-01'
            conversion: {EventTypeCode: Lead_Qualified, OrderId: "{Id}", EventDate: "{_event_at}"}
        """,
        "utf-8",
    )
    case = {"before": {"NumberOfEmployees": 8}, "record": {"NumberOfEmployees": 10, "Founded__c": "2019-12-31"}}
    write(folder, "account", object="Account", cases={"grown": {**case, "then": {"grown": "send stage_passed"}}})

    result = run(folder)

    assert result.exit_code == 0, result.output


def test_a_field_that_the_configuration_misspells_is_named(folder: Path) -> None:
    path = folder / "objects/lead.yaml"
    path.write_text(path.read_text("utf-8").replace("{Country}", "{Contry}"), "utf-8")
    write(folder, "lead", object="Lead", cases={"a": {"record": {"Status": "Open"}, "then": {}}})

    result = run(folder)

    assert result.exit_code == 2
    assert "Contry" in result.output
