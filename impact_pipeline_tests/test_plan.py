"""What `plan` shows is what leaves, and nothing else comes of showing it."""

import json
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from impact_pipeline.config import environment as env
from impact_pipeline.config.load import RECOMMENDED
from impact_pipeline.simulator.clock import Clock
from impact_pipeline_tests.flow import Flow, flow_in
from impact_pipeline_tests.test_cli import assert_fails, invoke


@pytest.fixture
def flow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flow]:
    """Both simulators, and a configuration of its own. A day ago: the command line knows the machine's time only."""
    shutil.copytree(RECOMMENDED, tmp_path / "config")
    with flow_in(tmp_path, clock=Clock(datetime.now(UTC).replace(microsecond=0) - timedelta(days=1))) as made:
        made.environment[env.CONFIG] = str(tmp_path / "config")
        for name, value in made.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("DAGSTER_HOME", raising=False)
        monkeypatch.chdir(tmp_path)
        yield made


def configure(flow: Flow, file: str, **keys: Any) -> None:
    """Set keys with dots in a file of the configuration."""
    path = flow.folder / "config" / file
    # As text: to YAML 1.1 `on` is a boolean.
    content = yaml.load(path.read_text("utf-8"), Loader=yaml.BaseLoader)  # noqa: S506  (texts only)
    for key, value in keys.items():
        *parts, last = key.split("/")
        at = content
        for part in parts:
            at = at.setdefault(part, {})
        at[last] = value
    path.write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")


def cycle_without_sending(flow: Flow) -> None:
    flow.advance(minutes=5)
    flow.run("conversion_cycle")


def planned(*arguments: str) -> dict[str, Any]:
    result = invoke("plan", "--json", *arguments)
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def test_what_was_planned_is_byte_for_byte_what_is_sent(flow):
    lead, deal = flow.a_lead(), flow.a_deal()
    cycle_without_sending(flow)
    flow.advance(hours=1)
    flow.edit("update", "Lead", lead, Status="Qualified", City="Zürich & Genève", Country="CH")
    flow.a_won_deal(deal)
    flow.advance(hours=1)
    cycle_without_sending(flow)
    before = flow.fingerprints()

    found = planned()
    shown = invoke("plan")

    assert flow.fingerprints() == before
    flow.run("submit_conversions")
    bodies = [one.body.decode() for one in flow.program.received]
    assert sorted(row["payload"] for row in found["payloads"]) == sorted(bodies)
    assert {
        (row["decision"], row["EventTypeCode"], row["wait"]): (row["count"], row["amount"]) for row in found["next"]
    } == {
        ("send", "Lead_Qualified", None): (1, None),
        ("send", "Opportunity_Closed Won", None): (1, "550.00"),
    }
    assert all(body in shown.stdout for body in bodies)


def test_a_guard_shows_its_hash_and_lets_go_exactly_what_it_stands_for(flow):
    configure(flow, "pipeline.yaml", **{"guards/max_rows": 1})
    leads = [flow.a_lead(), flow.a_lead(), flow.a_lead()]
    cycle_without_sending(flow)
    flow.advance(hours=1)
    for lead in leads[:2]:
        flow.edit("update", "Lead", lead, Status="Qualified")
    cycle_without_sending(flow)

    (held,) = planned()["withheld"]
    assert planned()["withheld"] == [held]
    assert (held["reason"], held["count"]) == ("mass_change", 2)
    assert flow.rows("select count(*) from outbox.request") == [(0,)]
    assert held["hash"] in invoke("plan").stdout
    assert_fails(invoke("plan", "--accept", "0123456789abcdef"), 1, "0123456789abcdef", held["hash"])
    assert_fails(invoke("plan", "--object", "Opportunity", "--accept", held["hash"]), 1, "nothing")

    accepted = invoke("plan", "--accept", held["hash"], "--by", "Ada", "--reason", "checked")
    flow.edit("update", "Lead", leads[2], Status="Qualified")
    cycle_without_sending(flow)

    assert accepted.exit_code == 0, accepted.output
    assert flow.rows("select word, said_by, reason, count(*) from conversions.word group by all") == [
        ("accept", "Ada", "checked", 2)
    ]
    assert flow.rows(
        "select decision, reason, decided_by, count(*) from conversions.current_decision where carries group by all "
        "order by all"
    ) == [("send", "field_changed", None, 1), ("send", "released", "Ada", 2)]
    assert flow.rows("select state, count(*) from outbox.request group by all") == [("ready", 3)]


def test_a_hash_is_of_no_use_when_the_configuration_has_changed(flow):
    configure(flow, "pipeline.yaml", **{"guards/max_rows": 1})
    leads = [flow.a_lead(), flow.a_lead()]
    cycle_without_sending(flow)
    flow.advance(hours=1)
    for lead in leads:
        flow.edit("update", "Lead", lead, Status="Qualified")
    cycle_without_sending(flow)
    (held,) = planned()["withheld"]

    configure(flow, "objects/lead.yaml", **{"events/qualified/conversion/Text1": "a lead"})

    assert_fails(invoke("plan", "--accept", held["hash"]), 1, "the configuration is another one")
    assert flow.rows("select count(*) from conversions.word") == [(0,)]


def test_a_guard_that_only_the_next_cycle_would_trip_can_be_accepted_before_it(flow):
    """As when sending is switched on after a time in shadow mode."""
    configure(flow, "pipeline.yaml", **{"sending": "shadow", "guards/max_rows": 1})
    leads = [flow.a_lead(), flow.a_lead()]
    cycle_without_sending(flow)
    flow.advance(hours=1)
    for lead in leads:
        flow.edit("update", "Lead", lead, Status="Qualified")
    cycle_without_sending(flow)
    configure(flow, "pipeline.yaml", sending="on")

    (held,) = planned()["withheld"]
    assert flow.rows("select distinct reason from conversions.current_decision where carries") == [("sending_off",)]
    assert invoke("plan", "--accept", held["hash"]).exit_code == 0
    cycle_without_sending(flow)

    assert (
        flow.rows("select decision, reason from conversions.current_decision where carries")
        == [("send", "released")] * 2
    )


def test_what_meets_a_condition_and_was_never_reported_is_counted_with_its_money(flow):
    """A18 and B5: neither a loosened condition nor a deal made in Closed Won is reported by itself."""
    configure(flow, "objects/opportunity.yaml", **{"events/won/created": False})
    flow.a_deal(StageName="Proposal/Price Quote", Amount="70.00")
    cycle_without_sending(flow)
    flow.advance(hours=1)
    flow.a_deal(StageName="Closed Won", Amount="300.00")
    flow.edit("update", "Opportunity", flow.a_deal(StageName="Negotiation"), NextStep="call")
    cycle_without_sending(flow)
    before = planned("--event", "won")["eligible"]
    configure(flow, "objects/opportunity.yaml", **{"events/won/when": "StageName <> 'Prospecting'"})

    after = planned("--event", "won")["eligible"]

    assert [(row["reason"], row["count"], row["amount"]) for row in before] == [("not_enabled", 1, "300.00")]
    assert sum(row["count"] for row in after) == 3
    assert flow.rows("select count(*) from outbox.request") == [(0,)]


def test_a_changed_mapping_is_compared_with_the_present_one(flow):
    lead = flow.a_lead()
    cycle_without_sending(flow)
    flow.advance(hours=1)
    flow.edit("update", "Lead", lead, Status="Qualified")
    flow.cycle()
    shutil.copytree(flow.folder / "config", flow.folder / "edited")
    path = flow.folder / "edited" / "objects" / "lead.yaml"
    path.write_text(path.read_text("utf-8").replace("Lead_{Status}_{Id}", "L_{Status}_{Id}"), "utf-8")
    before = flow.fingerprints()

    found = planned("--against", str(flow.folder / "edited"), "--days", "7")
    shown = invoke("plan", "--against", str(flow.folder / "edited"))
    both = invoke("plan", "--against", str(flow.folder / "edited"), "--accept", "0")

    assert [(row["parameter"], row["changed"]) for row in found["parameters"]] == [("OrderId", 1)]
    assert [(one["event"], one["detail"]) for one in found["identities"]] == [("qualified", "OrderId edited")]
    assert "Identities change" in shown.stdout
    assert "No change was found" not in shown.stdout
    assert found["change_count"] > 0
    assert both.exit_code == 2
    assert flow.fingerprints() == before


@pytest.mark.parametrize(("option", "known"), [("--object", "Opportunity"), ("--event", "qualified")])
def test_a_name_that_no_object_file_has_is_no_empty_plan(flow, option, known):
    result = invoke("plan", option, "Oportunity")

    assert result.exit_code == 2
    assert "Oportunity" in result.output
    assert known in result.output


def test_plan_before_the_first_run_says_so(flow):
    assert_fails(invoke("plan"), 2, "does not exist yet", "impact-pipeline run")
    assert not flow.warehouse.path.exists()


def test_a_plan_is_readable(flow):
    lead = flow.a_lead()
    cycle_without_sending(flow)
    flow.advance(hours=1)
    flow.edit("update", "Lead", lead, Status="Qualified")
    cycle_without_sending(flow)

    shown = invoke("plan", "--limit", "0").stdout

    assert re.search(r"send +Conversion +qualified +Lead_Qualified +field_changed", shown), shown
    assert "OrderId=" not in shown
