"""What a loaded configuration tells its readers: the hash, what to capture, what to watch, and warnings."""

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from impact_pipeline.config.expressions import FieldPath
from impact_pipeline.config.load import PACKS, RECOMMENDED, Config, load_config

LEAD: dict[str, Any] = {
    "object": "Lead",
    "customer_id": ["{Customer_Id__c?}", "{Id}"],
    "events": {
        "status": {
            "updated": ["Status"],
            "history": "fields",
            "once_per": ["Id"],
            "conversion": {"EventTypeCode": "Lead_{Status}", "OrderId": "Lead_{Id}", "EventDate": "{_event_at}"},
        }
    },
}
PIPELINE: dict[str, Any] = {
    "program": {"currency": "USD", "time_zone": "UTC"},
    "event_types": {"Lead_Qualified": {"id": 1, "kind": "lead"}},
}


def loaded(folder: Path, lead: dict[str, Any], pipeline: dict[str, Any] | None = None) -> Config:
    (folder / "objects").mkdir(parents=True, exist_ok=True)
    (folder / "pipeline.yaml").write_text(yaml.safe_dump(pipeline or PIPELINE), "utf-8")
    (folder / "objects" / "lead.yaml").write_text(yaml.safe_dump(lead), "utf-8")
    return load_config(folder)


def a_lead(**event: Any) -> dict[str, Any]:
    lead = copy.deepcopy(LEAD)
    lead["events"]["status"] |= event
    return lead


@pytest.mark.parametrize("pack", ["recommended", "impact_com"])
def test_each_pack_loads_wherever_it_is_copied_to(pack: str, tmp_path: Path) -> None:
    copied = shutil.copytree(PACKS / pack, tmp_path / pack)

    assert load_config(copied).hash == load_config(PACKS / pack).hash


def test_the_recommended_pack_has_nothing_to_warn_of() -> None:
    assert load_config(RECOMMENDED).warnings == ()


def test_the_recommended_pack_works_in_an_org_without_the_custom_fields() -> None:
    """A brand that has no field for the click id yet can start with the pack as it is."""
    custom = {path for paths in load_config(RECOMMENDED).capture_set().values() for path in paths if "__c" in path}
    optional = load_config(RECOMMENDED).optional_paths()

    assert custom == set().union(*optional.values())


def test_a_chain_keeps_one_customer_id() -> None:
    """A deal falls back to the Id of its first lead, and so does the lead."""
    objects = load_config(RECOMMENDED).objects

    assert [str(template) for template in objects["Lead"].customer_id] == ["Customer_Id__c?", "Id"]
    assert [str(template) for template in objects["Opportunity"].customer_id] == [
        "Customer_Id__c?",
        "first_lead.Customer_Id__c?",
        "first_lead.Id",
        "Id",
    ]


def test_the_hash_is_of_the_content_and_not_of_its_looks(tmp_path: Path) -> None:
    first = loaded(tmp_path / "a", LEAD)
    backwards = {key: LEAD[key] for key in reversed(LEAD)}
    second = loaded(tmp_path / "b", backwards)
    path = tmp_path / "b" / "objects" / "lead.yaml"
    path.write_text("# a comment\n" + path.read_text("utf-8").replace("object: Lead", 'object: "Lead"'), "utf-8")

    assert first.hash == second.hash == load_config(tmp_path / "b").hash
    assert len(first.hash) == 64
    assert set(json.loads(first.canonical)) == {"pipeline", "objects"}


def test_the_hash_moves_with_every_decision(tmp_path: Path) -> None:
    changed = [
        LEAD,
        a_lead(created=True),
        a_lead(when="Status = 'Qualified'"),
        a_lead(re_entry="never"),
        {**LEAD, "customer_id": ["{Id}", "{Customer_Id__c?}"]},
        {**LEAD, "scope": "Country = 'US'"},
    ]
    hashes = [loaded(tmp_path / str(place), lead).hash for place, lead in enumerate(changed)]
    other = {**PIPELINE, "waits": {"correct_after": "2h"}}

    assert len({*hashes, loaded(tmp_path / "other", LEAD, other).hash}) == len(changed) + 1


def test_the_hash_of_the_recommended_pack_is_known() -> None:
    """A change of it means that rows carry another hash from the next release on: say so in the changelog."""
    assert load_config(RECOMMENDED).hash == "1edc929dfb315659f6d9d7dfd763f9d701ea02b889ae687a576101fdbf913de8"


def test_everything_that_is_read_is_captured(tmp_path: Path) -> None:
    lead = a_lead(
        when="before.Rating is null and Owner.Profile.Name <> 'Test'",
        after=[{"changed": ["AnnualRevenue"], "do": "modify"}, {"when": "IsUnreadByOwner", "do": "reverse"}],
    )
    lead["events"]["status"]["conversion"] |= {"Text1": "sql: upper(Industry)", "Text2": ["{Title|code}", "{Website}"]}
    lead |= {"scope": "Country = 'US'", "consent": "not HasOptedOutOfEmail"}

    wanted = loaded(tmp_path, lead).capture_set()

    assert wanted["Lead"] == {
        *("Id", "Customer_Id__c", "Status", "Rating", "Owner.Profile.Name", "AnnualRevenue", "IsUnreadByOwner"),
        *("Industry", "Title", "Website", "Country", "HasOptedOutOfEmail"),
    }
    assert set(wanted) == {"Lead", "LeadStatus", "LeadHistory"}


def test_the_lines_of_a_deal_and_its_first_lead_are_captured_too() -> None:
    wanted = load_config(RECOMMENDED).capture_set()

    assert {"OpportunityId", "Product2.Name", "Quantity", "TotalPrice"} <= wanted["OpportunityLineItem"]
    assert {"AccountId", "Amount", "StageName"} <= wanted["Opportunity"]
    assert {"Id", "Customer_Id__c"} <= wanted["Lead"]
    assert {"OpportunityHistory", "OpportunityStage"} <= set(wanted)


def test_the_history_of_a_field_is_found_under_salesforces_names(tmp_path: Path) -> None:
    for place, (name, source) in enumerate(
        [("Lead", "LeadHistory"), ("Opportunity", "OpportunityFieldHistory"), ("Tier__c", "Tier__History")]
    ):
        config = loaded(tmp_path / str(place), {**LEAD, "object": name})

        assert source in config.capture_set()


def test_a_path_is_optional_only_if_it_is_everywhere(tmp_path: Path) -> None:
    lead = a_lead()
    lead["events"]["status"]["conversion"] |= {"ClickId": "{Click__c?}", "Text1": "{Customer_Id__c}"}

    assert loaded(tmp_path, lead).optional_paths() == {"Lead": {"Click__c"}}


def test_watched_is_what_triggers_and_what_corrects(tmp_path: Path) -> None:
    lead = a_lead(updated=["Status", "items"], after=[{"changed": ["Rating", "items"], "do": "modify"}])

    assert loaded(tmp_path, lead).watched_fields("Lead") == {"Status", "Rating"}


def test_rules_have_impact_coms_code_where_none_is_given(tmp_path: Path) -> None:
    lead = a_lead(after=[{"deleted": True, "do": "reverse"}, {"changed": ["Rating"], "do": "modify"}])

    rules = loaded(tmp_path, lead).objects["Lead"].events["status"].rules

    assert [(rule.do, rule.code) for rule in rules] == [("reverse", "REJECTED"), ("modify", "ORDER_UPDATE")]


def test_what_is_allowed_and_yet_odd_is_a_warning(tmp_path: Path) -> None:
    lead = a_lead(once_per=["Id", "Rating"], after=[{"deleted": True, "do": "reverse", "code": "DEAL_LOST"}])
    lead["events"]["status"]["conversion"] |= {"SearchTerm": "{Name}"}
    pipeline = {
        **PIPELINE,
        "event_types": {**PIPELINE["event_types"], "Other": {"id": 2, "kind": "lead"}},
        "value_maps": {"Unused": {"a": "b"}},
    }

    warnings = loaded(tmp_path, lead, pipeline).warnings

    said = ["SearchTerm", "OrderId does not name Rating", "DEAL_LOST", "event_types.Other", "value_maps.Unused"]
    assert len(warnings) == len(said)
    assert all(words in warning for words, warning in zip(said, warnings, strict=True))


def test_a_parsed_file_keeps_what_was_declared(tmp_path: Path) -> None:
    config = loaded(tmp_path, a_lead(when="Status = 'Qualified'"))
    event = config.objects["Lead"].events["status"]

    assert config.objects["Lead"].file == "objects/lead.yaml"
    assert event.when is not None
    assert list(event.when.paths()) == [FieldPath(parts=("Status",))]
    assert event.declared.once_per == ("Id",)
    assert [history.object for history in event.histories] == ["LeadHistory"]
