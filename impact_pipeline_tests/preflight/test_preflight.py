"""Each misconfiguration is found by preflight, or when the configuration loads, and is named with its remedy."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from click.testing import CliRunner

from impact_pipeline.cli import cli
from impact_pipeline.config import environment as env
from impact_pipeline.config.load import RECOMMENDED, load_config
from impact_pipeline.definitions import build_definitions, resources_from, site_of
from impact_pipeline.preflight import machine
from impact_pipeline.preflight.findings import Finding, Verdict
from impact_pipeline.preflight.table import CHECKS, preflight
from impact_pipeline.simulator.clock import Clock
from impact_pipeline.simulator.impact import EventType, RateLimits
from impact_pipeline.simulator.salesforce import OrgFeatures, rest
from impact_pipeline.simulator.salesforce.schema import Field
from impact_pipeline.warehouse.binding import bind
from impact_pipeline.warehouse.high_water import write as write_mark
from impact_pipeline.warehouse.publish import publish, readers_path
from impact_pipeline_tests.config.test_refusals import at
from impact_pipeline_tests.flow import PROGRAM, Flow, flow_in

CASES: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("misconfigurations.yaml").read_text("utf-8"))
STAGES = (
    {"op": "rename_value", "sobject": "Opportunity", "fields": {"StageName": ["Negotiation/Review", "Negotiation"]}},
    {"op": "rename_value", "sobject": "Lead", "fields": {"Status": ["Working - Contacted", "Qualified"]}},
)


@contextmanager
def set_up(folder: Path, case: dict[str, Any], patch: pytest.MonkeyPatch, clock: Clock | None = None) -> Iterator[Flow]:
    """A set-up that is right but for what the case says."""
    given = dict(case.get("program", {}))
    if "rate_limits" in given:
        given["rate_limits"] = RateLimits(**given["rate_limits"])
    if "contract_for" in given:
        given["event_types"] = (*PROGRAM.event_types, EventType(**given.pop("contract_for")))
    program = replace(PROGRAM, **{name: tuple(v) if isinstance(v, list) else v for name, v in given.items()})
    shutil.copytree(RECOMMENDED, folder / "config", dirs_exist_ok=True)
    for file, keys in case.get("config", {}).items():
        content = yaml.safe_load((folder / "config" / file).read_text("utf-8"))
        # PyYAML reads on as true; the configuration reads it as the word.
        content |= {"sending": "on"} if content.get("sending") is True else {}
        for key, value in keys.items():
            place, last = at(content, key)
            place.pop(last) if value is None else place.update({last: value})
        (folder / "config" / file).write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
    features = OrgFeatures(**case.get("features", {}))
    with flow_in(folder, clock=clock, declaration=program, features=features) as flow:
        flow.environment[env.CONFIG] = str(folder / "config")
        for edit in (*STAGES, *case.get("setup", ())):
            flow.org.apply(edit)
        for name, parameters in case.get("salesforce_faults", {}).items():
            flow.salesforce_faults.add(name, **parameters)
        for name, value in case.get("environment", {}).items():
            flow.environment.pop(name, None) if value is None else flow.environment.update({name: value})
        for name, value in flow.environment.items():
            patch.setenv(name, value)
        yield flow


def found_in(flow: Flow) -> list[Finding]:
    site = site_of(flow.environment)
    site.clock = flow.clock.now
    return list(preflight(site))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["it"].replace(" ", "_"))
def test_it_is_found(case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with set_up(tmp_path, case, monkeypatch) as flow:
        if "machine" in case:
            MACHINES[case["machine"]](flow, monkeypatch)

        found = found_in(flow)

    check, verdict, text, remedy = case["says"]
    worst = [finding for finding in found if finding.verdict in (Verdict.RED, Verdict.AMBER)]
    assert worst, "nothing was found"
    assert {(finding.check, str(finding.verdict)) for finding in worst} == {(check, verdict)}, worst
    assert any(text in finding.text and remedy in finding.remedy for finding in worst), worst


def test_every_case_is_another_one() -> None:
    assert len({case["it"] for case in CASES}) == len(CASES) >= 40
    assert {case["says"][0] for case in CASES} == {check.name for check in CHECKS} - {"impact.com writing"}


def test_what_is_right_is_green_and_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with set_up(tmp_path, {}, monkeypatch) as flow:
        before = sorted(tmp_path.rglob("*"))

        found = found_in(flow)

        assert {finding.check for finding in found if finding.verdict is not Verdict.GREEN} == {"impact.com writing"}
        assert [finding.check for finding in found] == [check.name for check in CHECKS]
        assert sorted(tmp_path.rglob("*")) == before
        assert not flow.program.received


def test_a_sandbox_that_is_named_may_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = {
        "features": {"is_sandbox": True},
        "config": {"pipeline.yaml": {"program.sandbox_org": "00Dam0000000001EAA"}},
    }
    with set_up(tmp_path, case, monkeypatch) as flow:
        assert "red" not in {str(finding.verdict) for finding in found_in(flow)}
        flow.run("conversion_cycle")


def test_a_run_of_a_sandbox_that_nobody_named_reads_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with set_up(tmp_path, {"features": {"is_sandbox": True}}, monkeypatch) as flow:
        flow.a_lead()
        flow.advance(minutes=5)

        with pytest.raises(Exception, match="is a sandbox"):
            flow.run("conversion_cycle")

        assert not flow.warehouse.path.exists()


def test_no_finding_shows_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {env.CLIENT_SECRET: "secret-of-salesforce", env.AUTH_TOKEN: "secret-of-impact"}
    with set_up(tmp_path, {"environment": secrets}, monkeypatch) as flow:
        shown = repr(found_in(flow))

    assert "secret-of" not in shown
    assert PROGRAM.account_sid not in shown


def test_the_command_tells_its_findings_and_ends_with_1_on_red(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with set_up(tmp_path, {"program": {"campaign_state": "PAUSED"}}, monkeypatch, Clock()):
        monkeypatch.delenv("DAGSTER_HOME", raising=False)
        monkeypatch.chdir(tmp_path)

        told = CliRunner().invoke(cli, ["preflight"])
        as_json = CliRunner().invoke(cli, ["preflight", "--json"])

    assert told.exit_code == as_json.exit_code == 1
    assert "The program 4711 is PAUSED" in told.output
    assert "→ Activate it" in told.output
    document = json.loads(as_json.stdout)
    assert document["counts"] == {"green": len(CHECKS) - 3, "amber": 0, "red": 1, "grey": 2}
    assert {"check", "verdict", "text", "remedy"} == set(document["findings"][0])


def test_dagster_shows_it_as_an_asset_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with set_up(tmp_path, {"program": {"campaign_state": "PAUSED"}}, monkeypatch) as flow:
        definitions = build_definitions(
            resources_from(flow.environment, clock=flow.clock.now), load_config(tmp_path / "config")
        )
        with dg.DagsterInstance.ephemeral() as instance:
            result = definitions.resolve_job_def("preflight").execute_in_process(instance=instance)

    (check,) = (one for one in result.get_asset_check_evaluations() if one.check_name == "preflight")
    assert (check.check_name, check.passed, check.severity) == ("preflight", False, dg.AssetCheckSeverity.ERROR)
    assert "Activate it" in str(check.description)
    shown = check.metadata["findings"]
    assert isinstance(shown, dg.TableMetadataValue)
    assert [record.data["check"] for record in shown.records] == [each.name for each in CHECKS]


def _ran(flow: Flow) -> None:
    """The files that a first run leaves, as far as preflight looks at them."""
    declared = flow.program.declaration
    with flow.warehouse.transaction() as con:
        bind(con, flow.org.org_id, False, declared.account_sid, str(declared.campaign_id), flow.clock.now())
    publish(flow.warehouse, now=flow.clock.now())


def _sql(flow: Flow, statement: str) -> None:
    _ran(flow)
    with flow.warehouse.transaction() as con:
        con.execute(statement)


def _old_copy(flow: Flow, patch: pytest.MonkeyPatch) -> None:
    _ran(flow)
    flow.advance(days=7)


def _converted(flow: Flow, patch: pytest.MonkeyPatch) -> None:
    lead = flow.a_lead(Impact_Click_Id__c="A" * 38)
    converted = {"Status": "Closed - Converted", "IsConverted": True, "ConvertedOpportunityId": flow.a_deal()}
    flow.edit("update", "Lead", lead, **converted)


def _no_copy(flow: Flow, patch: pytest.MonkeyPatch) -> None:
    _ran(flow)
    readers_path(flow.warehouse.path).unlink()


def _everybody(flow: Flow, patch: pytest.MonkeyPatch) -> None:
    _ran(flow)
    flow.warehouse.path.chmod(0o644)


def _mark(flow: Flow, patch: pytest.MonkeyPatch) -> None:
    _ran(flow)
    write_mark(flow.warehouse.path, 4711, flow.clock.now())


def _something_else(flow: Flow, patch: pytest.MonkeyPatch) -> None:
    flow.warehouse.path.write_text("no database" * 1000)
    flow.warehouse.path.chmod(0o600)


def _ahead(flow: Flow, patch: pytest.MonkeyPatch) -> None:
    ours = Clock(flow.clock.now() + timedelta(minutes=10))
    patch.setattr(flow, "clock", ours)


def _formula(flow: Flow, patch: pytest.MonkeyPatch) -> None:
    flow.org.add_field("Lead", Field(name="Score__c", type="double", precision=18, calculated=True, formula="1 + 1"))


def _place(flow: Flow, patch: pytest.MonkeyPatch) -> None:
    flow.org.add_field("Lead", Field(name="Place__c", type="location"))


MACHINES: dict[str, Callable[[Flow, pytest.MonkeyPatch], None]] = {
    "serves_newer_versions_only": lambda flow, patch: patch.setattr(rest, "VERSIONS", ("66.0", "67.0")),
    "has_a_formula": _formula,
    "has_a_place": _place,
    "converts_a_lead": _converted,
    "clock_is_ahead": _ahead,
    "file_is_something_else": _something_else,
    "everybody_may_read": _everybody,
    "belongs_to_another_program": lambda flow, patch: _sql(flow, "update warehouse.binding set CampaignId = '9'"),
    "belongs_to_another_org": lambda flow, patch: _sql(flow, "update warehouse.binding set organization_id = '00D'"),
    "is_an_old_copy": _mark,
    "has_no_copy": _no_copy,
    "has_an_old_copy": _old_copy,
    "disk_is_full": lambda flow, patch: patch.setattr(machine, "LEAST_FREE_BYTES", 1 << 60),
}
