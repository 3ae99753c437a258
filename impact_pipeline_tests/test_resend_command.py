"""`impact-pipeline resend` and `recover`: what they print, and how they fail."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from impact_pipeline.cli import cli
from impact_pipeline.config import environment as env
from impact_pipeline.config.load import RECOMMENDED
from impact_pipeline.simulator.clock import Clock
from impact_pipeline.simulator.impact import Fault
from impact_pipeline_tests.flow import Flow, flow_in


@pytest.fixture
def flow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flow]:
    """Some hours ago: the commands go by the machine's clock. Its configuration is in `config`."""
    shutil.copytree(RECOMMENDED, tmp_path / "config")
    with flow_in(tmp_path, clock=Clock(datetime.now(UTC).replace(microsecond=0) - timedelta(hours=6))) as made:
        made.environment[env.CONFIG] = str(tmp_path / "config")
        for name, value in made.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("DAGSTER_HOME", raising=False)
        monkeypatch.chdir(tmp_path)
        yield made


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments), prog_name="impact-pipeline")


def a_qualified_lead(flow: Flow) -> str:
    lead = flow.a_lead(Country="US")
    flow.cycle()
    flow.edit("update", "Lead", lead, Status="Qualified")
    return lead


def test_a_refused_conversion_goes_again_by_the_mended_mapping(flow: Flow) -> None:
    lead = a_qualified_lead(flow)
    flow.impact_faults.add(Fault(kind="server_error", method="POST", parameters={"status": 400}))
    flow.cycle()
    path = flow.folder / "config" / "objects" / "lead.yaml"
    text = path.read_text("utf-8")
    assert "CustomerCountry:" in text
    path.write_text("\n".join(line for line in text.splitlines() if "CustomerCountry:" not in line), "utf-8")
    arguments = ("resend", lead, "--reason", "country left out", "--by", "Ada", "--json")

    rehearsed = json.loads(invoke(*arguments, "--dry-run").stdout)
    assert flow.rows("select state from outbox.request") == [("refused",)]
    result = invoke(*arguments)

    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["dry_run"], rehearsed["dry_run"]) == (False, True)
    assert told["requests"] == rehearsed["requests"]
    (row,) = told["requests"]
    assert (row["OrderId"], row["state"], row["has_new_body"]) == (f"Lead_Qualified_{lead}", "ready", True)
    assert flow.rows("select state from outbox.request") == [("ready",)]
    again = invoke(*arguments)
    assert again.exit_code == 1
    assert "it waits to be sent already" in again.output
    flow.cycle()
    assert set(flow.reported().values()) == {1}


def test_people_see_a_table_and_wrong_use_is_said(flow: Flow) -> None:
    a_qualified_lead(flow)
    flow.cycle()

    shown = invoke("resend", "--all-refused", "--reason", "switched on")

    assert shown.exit_code == 0, shown.output
    assert "Sent again with the next submission" in shown.output
    assert "nothing" in shown.output
    assert invoke("resend", "--reason", "x").exit_code == 2
    assert invoke("resend", "KEY", "--all-refused", "--reason", "x").exit_code == 2
    assert invoke("resend", "--all-refused", "--not-there", "--reason", "x").exit_code == 2


def test_an_old_copy_stops_sending_until_recover(flow: Flow) -> None:
    lead = a_qualified_lead(flow)
    flow.advance(minutes=5)
    flow.run("conversion_cycle")
    copy = shutil.copy(flow.warehouse.path, flow.folder / "copy")
    flow.run("submit_conversions")
    shutil.copy(copy, flow.warehouse.path)

    stopped = invoke("run")
    rehearsed = invoke("recover", "--dry-run")
    result = invoke("recover", "--json")

    assert stopped.exit_code == 1
    assert "impact-pipeline recover" in stopped.output
    assert rehearsed.exit_code == 0, rehearsed.output
    assert "1 requests that wait here were sent by it" in rehearsed.output
    assert "nothing was changed" in rehearsed.output
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["found_there"] == 1
    assert "Nothing had to be done" in invoke("recover").output
    flow.cycle()
    assert flow.reported() == {("Lead_Qualified", f"Lead_Qualified_{lead}"): 1}


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "check IMPACT_ACCOUNT_SID and IMPACT_AUTH_TOKEN"), (403, "enable Conversions and Actions for it")],
)
def test_a_dead_credential_stops_the_lane_and_every_run_says_so_until_it_is_mended(
    flow: Flow, status: int, said: str
) -> None:
    """The second run asks impact.com nothing: the lane rests for minutes, and that is no success."""
    a_qualified_lead(flow)
    flow.advance(minutes=5)
    flow.impact_faults.add(Fault(kind="server_error", method="POST", parameters={"status": status}))

    results = [invoke("run"), invoke("run")]

    for result in results:
        assert result.exit_code == 3, result.output
        assert said in result.output
    assert len(flow.program.received) == 1
    assert flow.rows("select state from outbox.request") == [("ready",)]
