"""`impact-pipeline submit`, by request and as a file."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncssh
import pytest
from click.testing import CliRunner, Result

from impact_pipeline.cli import cli
from impact_pipeline.config import environment as env
from impact_pipeline.config.load import RECOMMENDED
from impact_pipeline.simulator.clock import Clock
from impact_pipeline.simulator.impact.sftp import SftpSite
from impact_pipeline_tests.flow import Flow, flow_in


@pytest.fixture
def flow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flow]:
    """A little ago: the command goes by the machine's clock."""
    shutil.copytree(RECOMMENDED, tmp_path / "config")
    with flow_in(tmp_path, clock=Clock(datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=40))) as made:
        made.environment[env.CONFIG] = str(tmp_path / "config")
        for name, value in made.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("DAGSTER_HOME", raising=False)
        monkeypatch.chdir(tmp_path)
        lead = made.a_lead(Country="US")
        made.cycle()
        made.edit("update", "Lead", lead, Status="Qualified")
        made.advance(minutes=5)
        made.run("conversion_cycle")
        yield made


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments), prog_name="impact-pipeline")


def test_it_sends_what_is_due(flow: Flow) -> None:
    result = invoke("submit", "--json")

    assert result.exit_code == 0, result.output
    assert list(json.loads(result.stdout)["runs"]) == ["submit_conversions"]
    assert set(flow.reported().values()) == {1}


def test_a_file_goes_where_the_configuration_says_and_is_settled(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = invoke("submit", "--file")
    assert refused.exit_code == 2
    assert "has no section files" in refused.output
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(str(flow.folder / "key.pem"))
    (flow.folder / "inbox").mkdir()
    public_key = key.export_public_key().decode()
    with SftpSite(flow.program, flow.folder / "inbox", user="brand", public_key=public_key) as site:
        with (flow.folder / "config" / "pipeline.yaml").open("a") as file:
            place = f"host: 127.0.0.1, port: {site.port}, user: brand"
            file.write(f'\nfiles: {{{place}, host_key: "{site.host_key}"}}\n')
        lacking = invoke("submit", "--file")
        assert lacking.exit_code == 2
        assert "IMPACT_SFTP_PRIVATE_KEY_FILE is not set" in lacking.output
        monkeypatch.setenv("IMPACT_SFTP_PRIVATE_KEY_FILE", str(flow.folder / "key.pem"))

        result = invoke("submit", "--file", "--json")

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["conversions"] == 1
    flow.advance(minutes=50)
    flow.run("confirm_and_reconcile")
    assert flow.rows("select state, outcome from outbox.request") == [("settled", "not_credited")]
    assert flow.rows("select state, Status from outbox.file") == [("settled", "Complete")]
    assert flow.rows("select class from reconciliation.conversion_status") == [("not_credited",)]
