"""The command line: each bad input gives one clear error with remedy and exit code, and leaves nothing behind."""

import importlib
import io
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner, Result

from impact_pipeline.cli import COMMANDS, cli
from impact_pipeline.cli.dev import prepared_home
from impact_pipeline.cli.failures import FORESEEN, failure_of
from impact_pipeline.cli.show import console
from impact_pipeline.config import environment as env
from impact_pipeline.config.load import RECOMMENDED
from impact_pipeline_tests.flow import Flow, flow_in

HOLDER = "import sys, duckdb; con = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


@pytest.fixture
def flow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flow]:
    """Both simulators with one lead, the environment pointing at them, and a configuration of its own in `config`."""
    shutil.copytree(RECOMMENDED, tmp_path / "config")
    with flow_in(tmp_path) as made:
        made.environment[env.CONFIG] = str(tmp_path / "config")
        for name, value in made.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("DAGSTER_HOME", raising=False)
        monkeypatch.chdir(tmp_path)
        made.a_lead()
        made.advance(minutes=5)
        yield made


@pytest.fixture(scope="module")
def warehouse_of_a_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a warehouse after its first run, with the readers' copy."""
    with flow_in(tmp_path_factory.mktemp("run")) as made, pytest.MonkeyPatch.context() as patch:
        for name, value in made.environment.items():
            patch.setenv(name, value)
        made.a_lead()
        made.cycle()
        return made.folder


@pytest.fixture
def flow_after_a_run(flow: Flow, warehouse_of_a_run: Path) -> Flow:
    shutil.copytree(warehouse_of_a_run, flow.folder, dirs_exist_ok=True)
    return flow


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments), prog_name="impact-pipeline")


def change(flow: Flow, file: str, old: str, new: str) -> None:
    path = flow.folder / "config" / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def assert_fails(result: Result, code: int, *words: str) -> None:
    assert result.exit_code == code, result.output
    assert result.output.count("Error: ") == 1
    assert "Traceback" not in result.output
    for word in words:
        assert word in result.output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_teaches_what_it_does(name):
    result = invoke(name, "--help")

    assert result.exit_code == 0
    assert len(result.output.splitlines()) > 8
    assert f"\n    impact-pipeline {name}" in result.output, "an example to copy"


@pytest.mark.parametrize(("environment", "is_coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_are_for_terminals_whose_owner_wants_them(monkeypatch, environment, is_coloured):
    for name, value in ({"TTY_COMPATIBLE": "1", "TERM": "xterm-256color"} | environment).items():
        monkeypatch.setenv(name, value)
    terminal, pipe = io.StringIO(), io.StringIO()

    monkeypatch.setattr(sys, "stdout", terminal)
    console().print("[red]red[/red]")
    monkeypatch.delenv("TTY_COMPATIBLE")
    monkeypatch.setattr(sys, "stdout", pipe)
    console().print("[red]red[/red]")

    assert ("\x1b[31m" in terminal.getvalue()) is is_coloured
    assert pipe.getvalue() == "red\n"


def test_readme_names_every_command():
    readme = (Path(__file__).parent.parent / "README.md").read_text("utf-8")

    assert [name for name in COMMANDS if f"`{name}`" not in readme] == []


def test_help_imports_neither_dagster_nor_duckdb():
    """So it is there at once."""
    code = "import sys; from impact_pipeline.cli import cli\ntry: cli(['--help'])\nfinally: print(sorted(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "impact-pipeline" in result.stdout or "Usage" in result.stdout
    assert "'dagster'" not in result.stdout
    assert "'duckdb'" not in result.stdout


def test_run_prints_what_the_cycle_did_as_json(flow):
    result = invoke("run", "--json")

    assert result.exit_code == 0, result.output
    done = json.loads(result.stdout)
    assert set(done["runs"]) == {"conversion_cycle", "submit_conversions", "confirm_and_reconcile"}
    assert {row["object"]: row["versions"] for row in done["captured"]}["Lead"] == 1
    assert done["moved"] == []


def test_a_missing_variable_is_named_before_anything_is_read(flow, monkeypatch):
    monkeypatch.delenv(env.CAMPAIGN_ID)
    monkeypatch.delenv(env.CLIENT_SECRET)

    result = invoke("run")

    assert_fails(result, 2, env.CAMPAIGN_ID, env.CLIENT_SECRET, env.USERNAME)
    assert not flow.warehouse.path.exists()


def test_a_variable_may_come_from_a_file(flow, monkeypatch):
    (flow.folder / ".env").write_text(f"{env.CAMPAIGN_ID}=4711\n")
    monkeypatch.delenv(env.CAMPAIGN_ID)
    monkeypatch.delenv(env.CLIENT_ID)

    result = invoke("run")

    assert_fails(result, 2, env.CLIENT_ID)
    assert env.CAMPAIGN_ID not in result.output


def test_an_unknown_key_of_the_configuration_is_named(flow):
    change(flow, "objects/lead.yaml", "object: Lead", "object: Lead\nscoop: true")

    assert_fails(invoke("run"), 2, "objects/lead.yaml", "scoop", "scope")
    assert not flow.warehouse.path.exists()


def test_an_unknown_parameter_is_named(flow):
    change(flow, "objects/lead.yaml", "    conversion:\n", "    conversion:\n      CustomerTown: '{City}'\n")

    assert_fails(invoke("run"), 2, "objects/lead.yaml", "CustomerTown")
    assert not flow.warehouse.path.exists()


def test_a_field_that_salesforce_does_not_have_is_named(flow):
    change(flow, "objects/lead.yaml", "    conversion:\n", "    conversion:\n      CustomerCity: '{Town__c}'\n")

    assert_fails(invoke("run"), 2, "Town__c")
    assert flow.rows("select count(*) from conversions.decision") == [(0,)]


def test_a_wrong_credential_of_salesforce_stops_before_anything_is_written(flow, monkeypatch):
    monkeypatch.setenv(env.CLIENT_SECRET, "wrong-secret")

    result = invoke("run")

    assert_fails(result, 3, env.CLIENT_SECRET)
    assert "wrong-secret" not in result.output
    assert not flow.warehouse.path.exists()


def test_a_wrong_credential_of_impact_is_told_and_nothing_is_lost(flow, monkeypatch):
    monkeypatch.setenv(env.AUTH_TOKEN, "wrong-token")

    result = invoke("run")

    assert_fails(result, 3, env.AUTH_TOKEN)
    assert "wrong-token" not in result.output
    assert flow.rows("select count(*) from audit.action") == [(0,)]


def test_an_unreachable_impact_is_told(flow, monkeypatch):
    monkeypatch.setenv(env.BASE_URL, f"http://127.0.0.1:{_closed_port()}")

    assert_fails(invoke("run"), 3, env.BASE_URL)


def test_an_address_without_https_is_refused(flow, monkeypatch):
    """A credential must not travel in clear."""
    monkeypatch.setenv(env.DOMAIN_URL, "http://acme.my.salesforce.com")

    assert_fails(invoke("run"), 2, env.DOMAIN_URL, "https")


def test_the_reconciliation_can_be_written_as_a_page_for_its_owner_only(flow_after_a_run):
    told = invoke("reconcile", "--html", "month.html")
    nowhere = invoke("reconcile", "--html", "nowhere/month.html")

    written = flow_after_a_run.folder / "month.html"
    assert told.exit_code == 0, told.output
    assert "<h1>Reconciliation</h1>" in written.read_text("utf-8")
    assert written.stat().st_mode & 0o777 == 0o600
    assert_fails(nowhere, 2, "does not exist")


def test_a_held_warehouse_is_told_with_its_holder(flow_after_a_run):
    flow = flow_after_a_run
    before = flow.fingerprints()
    holding = [sys.executable, "-c", HOLDER, str(flow.warehouse.path)]
    with subprocess.Popen(holding, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()

        result = invoke("run", "--wait", "0.1")
        told = invoke("reconcile", "--json")

        assert holder.stdin is not None
        holder.stdin.close()
    assert_fails(result, 4, str(holder.pid), "readers.duckdb")
    assert json.loads(told.stdout)["file"].endswith("readers.duckdb")
    assert flow.fingerprints() == before


def test_another_program_is_refused_before_anything_is_read(flow_after_a_run, monkeypatch):
    flow = flow_after_a_run
    before = flow.fingerprints()
    monkeypatch.setenv(env.CAMPAIGN_ID, "999")

    result = invoke("run")

    assert_fails(result, 2, "CampaignId", "999", env.WAREHOUSE)
    after = flow.fingerprints()
    assert {name for name in after if after[name] != before[name]} <= {'"outbox"."lease"'}


def test_a_relative_dagster_home_is_refused(flow, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", "here")

    assert_fails(invoke("run"), 2, "DAGSTER_HOME", "absolute")


def test_explain_tells_the_story_of_a_record_and_of_its_order(flow_after_a_run):
    flow = flow_after_a_run
    lead = flow.a_lead(LastName="Zimmermann", Email="zimmermann@hatfan.example")
    flow.advance(hours=1)
    flow.run("conversion_cycle")
    flow.edit("update", "Lead", lead, Status="Qualified")
    flow.cycle()

    by_record = invoke("explain", lead, "--json")
    by_order = invoke("explain", f"Lead_Qualified_{lead}", "--json")
    shown = invoke("explain", lead[:15])

    (story,) = json.loads(by_record.stdout)
    assert story == json.loads(by_order.stdout)[0]
    assert [change["kind"] for change in story["changes"]] == ["created", "updated"]
    assert "send" in {decision["decision"] for decision in story["decisions"]}
    assert [move["to_state"] for move in story["transitions"]] == ["ready", "intended", "accepted", "settled"]
    assert [attempt["verdict"] for attempt in story["attempts"]] == ["accepted"]
    assert [standing["class"] for standing in story["standing"]] == ["not_credited"]
    assert shown.exit_code == 0
    for text in (by_record.stdout, shown.stdout):
        assert "zimmermann" not in text.lower()


def test_explain_says_so_when_nothing_is_known(flow_after_a_run):
    assert_fails(invoke("explain", "006000000000001AAA"), 1, "006000000000001AAA")


@pytest.mark.parametrize("arguments", [("explain", "006000000000001AAA"), ("reconcile",), ("publish",)])
def test_before_the_first_run_there_is_nothing_to_read(flow, arguments):
    assert_fails(invoke(*arguments), 2, "does not exist yet", "impact-pipeline run")


def test_what_nobody_foresaw_is_told_without_its_text():
    """A message of DuckDB's may quote a value of a record."""
    try:
        raise RuntimeError("could not convert 'Ada Lovelace' to INT32")
    except RuntimeError as error:
        told = failure_of(error)

    assert isinstance(told, click.ClickException)
    assert told.exit_code == 1
    assert "Ada Lovelace" not in told.message
    assert "RuntimeError" in told.message


@pytest.mark.parametrize(("module", "name", "code"), FORESEEN, ids=[name for _, name, _ in FORESEEN])
def test_each_foreseen_error_is_named_where_it_is_defined(module, name, code):
    """They are named and not imported, so nothing else would notice a class that has moved."""
    kind = getattr(importlib.import_module(module), name)

    assert (kind.__module__, issubclass(kind, Exception)) == (module, True)


def test_reading_commands_do_not_import_what_only_runs_need():
    """Half a second of every command went into classes that it could never raise."""
    needless = (
        "impact_pipeline.capture.cycle",
        "impact_pipeline.outbox.impact.sftp",
        "impact_pipeline.config.load",
        "dagster",
    )
    told = subprocess.run(
        [sys.executable, "-c", "import impact_pipeline.cli.explain, sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert not set(needless) & set(told.stdout.split())


def test_dev_makes_a_home_for_dagster_once(tmp_path):
    environment = {"DAGSTER_HOME": str(tmp_path / "home")}

    home = prepared_home(environment)
    settings = yaml.safe_load((home / "dagster.yaml").read_text("utf-8"))
    (home / "dagster.yaml").write_text("telemetry: {enabled: true}\n")
    prepared_home(environment)

    assert home.is_absolute()
    turns = {"key": "impact_pipeline/warehouse", "value": "writer", "limit": 1}
    assert settings["concurrency"]["runs"]["tag_concurrency_limits"] == [turns]
    assert (home / "dagster.yaml").read_text("utf-8") == "telemetry: {enabled: true}\n"


def test_a_command_reads_nothing_of_the_simulators_unless_it_serves_them():
    """`run` works against any Salesforce and impact.com."""
    code = "import sys, impact_pipeline.cli.run, impact_pipeline.definitions; print(sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
    )

    assert "impact_pipeline.simulator" not in done.stdout


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_shell_completes_commands_and_options(monkeypatch: pytest.MonkeyPatch) -> None:
    def completed(words: str) -> list[str]:
        count = str(len(words.split()) - 1)
        asked = {"_IMPACT_PIPELINE_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": count}
        return CliRunner().invoke(cli, [], prog_name="impact-pipeline", env=asked).stdout.split()

    assert "plain,reconcile" in completed("impact-pipeline rec")
    assert completed("impact-pipeline plan --acc") == ["plain,--accept"]
