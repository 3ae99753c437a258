"""A person's word on one row, from the command line to impact.com."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from impact_pipeline.config import environment as env
from impact_pipeline.config.load import RECOMMENDED
from impact_pipeline.simulator.clock import Clock
from impact_pipeline.simulator.salesforce.schema import Field
from impact_pipeline_tests.flow import Flow, flow_in
from impact_pipeline_tests.test_cli import assert_fails, invoke

CLICK = "c" * 38


@pytest.fixture
def flow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flow]:
    """Both simulators, the environment pointing at them. The command line knows the machine's time only."""
    shutil.copytree(RECOMMENDED, tmp_path / "config")
    with flow_in(tmp_path, clock=Clock(datetime.now(UTC).replace(microsecond=0))) as made:
        made.environment[env.CONFIG] = str(tmp_path / "config")
        for name, value in made.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("DAGSTER_HOME", raising=False)
        monkeypatch.chdir(tmp_path)
        made.org.add_field("Lead", Field(name="Impact_Click_Id__c", type="string", length=40))
        yield made


def a_qualified_lead(flow: Flow) -> str:
    """Its conversion is queued, and nothing was sent."""
    lead = flow.a_lead(Impact_Click_Id__c=CLICK)
    decide(flow)
    flow.advance(hours=1)
    flow.edit("update", "Lead", lead, Status="Qualified")
    decide(flow)
    return lead


def decide(flow: Flow) -> None:
    flow.advance(minutes=5)
    flow.run("conversion_cycle")


def test_what_a_person_holds_does_not_leave_from_that_moment_on(flow):
    lead = a_qualified_lead(flow)
    key = ("Lead_Qualified", f"Lead_Qualified_{lead}")

    held = invoke("hold", lead, "--reason", "not sure yet", "--by", "Ada")
    flow.run("submit_conversions")

    assert held.exit_code == 0, held.output
    assert flow.reported() == {}

    flow.cycle()

    assert flow.reported() == {}
    (story,) = json.loads(invoke("explain", key[1], "--json").stdout)
    assert [(one["word"], one["reason"], one["said_by"]) for one in story["words"]] == [("hold", "not sure yet", "Ada")]
    assert flow.rows("select decision, reason, detail, decided_by from conversions.current_decision where carries") == [
        ("hold", "sending_off", "not sure yet", "Ada")
    ]
    assert flow.rows("select state, reason from outbox.request") == [("withdrawn", "sending_off")]

    released = invoke("release", key[1], "--reason", "it is fine", "--by", "Ada", "--json")
    flow.cycle()

    assert json.loads(released.stdout)["reason"] == "sending_off"
    assert flow.reported() == {key: 1}
    assert flow.rows("select decision, reason from conversions.current_decision where carries") == [
        ("send", "released")
    ]


def test_what_a_person_asks_back_is_reversed_at_impact_once(flow):
    lead = a_qualified_lead(flow)
    flow.cycle()
    assert_fails(invoke("hold", lead, "--reason", "too late"), 1, "reverse takes it back")

    asked = invoke("reverse", lead, "--reason", "a test lead", "--by", "Ada", "--code", "TEST_ACTION")
    again = invoke("reverse", lead, "--reason", "a test lead")
    decide(flow)
    flow.advance(hours=2)
    flow.run("submit_conversions")
    flow.cycle()

    assert asked.exit_code == 0, asked.output
    assert_fails(again, 1, "asked for already")
    assert flow.rows("select Type, state, outcome from outbox.request order by request_id") == [
        ("Conversion", "settled", "credited"),
        ("Reversal", "settled", "credited"),
    ]
    assert flow.rows("select State from audit.current_action") == [("REVERSED",)]
    assert flow.rows(
        "select decision, detail, decided_by from conversions.current_decision where reason = 'requested'"
    ) == [("correct", "a test lead", "Ada")]
    assert flow.rows("select class from reconciliation.conversion_status") == [("reversed",)]


def test_a_reversal_that_was_asked_for_by_mistake_is_taken_back_before_it_leaves(flow):
    lead = a_qualified_lead(flow)
    flow.cycle()
    assert invoke("reverse", lead, "--reason", "a test lead").exit_code == 0
    decide(flow)

    taken_back = invoke("dismiss", lead, "--reason", "the wrong lead", "--by", "Ada")
    flow.advance(hours=2)
    flow.run("submit_conversions")
    flow.cycle()

    assert taken_back.exit_code == 0, taken_back.output
    assert flow.rows("select Type, state from outbox.request order by request_id") == [
        ("Conversion", "settled"),
        ("Reversal", "withdrawn"),
    ]
    assert flow.rows("select State from audit.current_action") == [("PENDING",)]


def test_a_key_that_leads_to_several_decisions_lists_them_and_does_nothing(flow):
    deal = flow.a_deal()
    decide(flow)
    flow.advance(hours=1)
    flow.edit("update", "Opportunity", deal, StageName="Negotiation")
    flow.advance(hours=1)
    flow.a_won_deal(deal)
    flow.advance(hours=1)
    decide(flow)
    before = flow.fingerprints()

    result = invoke("hold", deal, "--reason", "not sure yet")

    assert_fails(result, 1, f"Opportunity_Negotiation_{deal}", f"Opportunity_Closed Won_{deal}", "event_id")
    assert flow.fingerprints() == before
    (event_id,) = flow.rows("select event_id from outbox.request where EventTypeCode = 'Opportunity_Negotiation'")[0]
    assert invoke("hold", event_id, "--reason", "not sure yet").exit_code == 0
    assert flow.rows("select word, event_id from conversions.word") == [("hold", event_id)]


def test_a_word_that_is_refused_says_why_and_leaves_nothing(flow):
    lead = a_qualified_lead(flow)
    before = flow.fingerprints()

    assert_fails(invoke("release", lead, "--reason", "go"), 1, "is not held")
    assert_fails(invoke("dismiss", lead, "--reason", "no"), 1, "hold it first")
    assert_fails(invoke("reverse", lead, "--reason", "no"), 1, "was not reported")
    assert_fails(invoke("hold", lead, "--reason", "ask ada@hatfan.example"), 1, "e-mail address")
    assert_fails(invoke("hold", lead, "--reason", "one\ntwo"), 1, "one line")
    assert_fails(invoke("hold", "006000000000001AAA", "--reason", "no"), 1, "006000000000001AAA")
    assert_fails(invoke("reverse", lead, "--reason", "no", "--code", "bad code"), 1, "disposition code")
    assert invoke("hold", lead).exit_code == 2
    assert flow.fingerprints() == before


def test_what_makes_a_request_invalid_is_not_overruled(flow):
    """A person may know better than a doubt, never than impact.com's rules."""
    path = flow.folder / "config" / "objects" / "lead.yaml"
    path.write_text(path.read_text("utf-8").replace('"{Customer_Id__c?}", "{Id}"', '"{Website}"'), "utf-8")
    lead = a_qualified_lead(flow)

    assert_fails(invoke("release", lead, "--reason", "go"), 1, "missing_required can't be overruled", "dismiss")

    assert invoke("dismiss", lead, "--reason", "a test lead").exit_code == 0
    decide(flow)
    assert flow.rows("select decision, reason from conversions.current_decision where carries") == [
        ("skip", "dismissed")
    ]
    assert_fails(invoke("dismiss", lead, "--reason", "again"), 1, "dismissed already")


@pytest.mark.parametrize("word", ["hold", "release", "dismiss", "reverse"])
def test_before_the_first_run_there_is_nothing_to_say_anything_about(flow, word):
    assert_fails(invoke(word, "006000000000001AAA", "--reason", "x"), 2, "does not exist yet", "impact-pipeline run")
    assert not flow.warehouse.path.exists()
