"""
Planted secrets and personal values, the whole pipeline with failing calls, and a search through everything it leaves.

Where a planted word may be found is a closed list, each place with its reason; anywhere else is a leak.
"""

import json
import logging
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import dagster as dg
import duckdb
import pytest
import requests
from click.testing import CliRunner

from impact_pipeline.cli import cli
from impact_pipeline.config import environment as env
from impact_pipeline.config.load import RECOMMENDED, load_config
from impact_pipeline.definitions import build_definitions, resources_from, run_job
from impact_pipeline.simulator.impact import Fault
from impact_pipeline.simulator.salesforce.schema import Field
from impact_pipeline.warehouse.publish import readers_path
from impact_pipeline_tests.flow import JOBS, PROGRAM, Flow, flow_in

SECRETS = ("zqwritetoken", "zqreadtoken", "zqclientsecret", "zqaccountsid")
PERSON = {
    "LastName": "zqsurname",
    "Email": "zqmail@hatfan.example",
    "Phone": "+1555zqphone",
    "City": "zqcity",
    "Company": "zqcompany",
    "Title": "zqtitle",
}
# Text2 makes an e-mail address of it: held, and the value may not be quoted.
HELD = {**PERSON, "Company": "zqcompany@zqdomain.example"}
OTHERS = ("zqmarried", "zqdomain", "zqclick", "zqwrongtoken")
# Whole words: bytes that are no text hold some "zq" by chance.
WORDS = re.compile("|".join((*SECRETS, *OTHERS, *(re.findall("zq[a-z]+", value)[0] for value in PERSON.values()))))
# In the warehouse, where only its owner reads: column, why.
ALLOWED = {
    r"raw\..*": "the captured fields, by the configuration",
    r"changes\.change\.(before|after)": "private: what a change was",
    r"conversions\.conversion\.(CustomerCity|Text1|Text2|PhoneNumber)": "private: mapped by the configuration",
    r"outbox\.request\.payload": "private: the exact body",
    r"audit\.attempt\.answer": "private: impact.com's words, which may quote what was sent",
    r"conversions\.config\.config": "the configuration, which names no person",
}
METADATA = """
fragment M on MetadataEntry { label description __typename
  ... on TextMetadataEntry { text } ... on MarkdownMetadataEntry { mdStr } ... on JsonMetadataEntry { jsonString }
  ... on UrlMetadataEntry { url } ... on PathMetadataEntry { path }
  ... on TableMetadataEntry { table { records schema { columns { name description } } } } }
"""
QUERIES = {
    "assets": "query { assetNodes { assetKey { path } description metadataEntries { ...M } "
    "assetMaterializations { metadataEntries { ...M } tags { key value } } } }" + METADATA,
    "checks": "query { assetNodes { assetChecksOrError { ... on AssetChecks { checks { name description "
    "executionForLatestMaterialization { evaluation { description metadataEntries { ...M } } } } } } } }" + METADATA,
    "runs": "query { runsOrError { ... on Runs { results { id status runConfigYaml tags { key value } "
    "stats { ... on RunStatsSnapshot { stepsFailed } } } } } }",
    "resources": 'query { allTopLevelResourceDetailsOrError(repositorySelector: {repositoryName: "__repository__", '
    'repositoryLocationName: "impact_pipeline"}) { ... on ResourceDetailsList { results { name configuredValues '
    "{ key value type } configFields { name } } } } }",
}
EVENTS = (
    "query($run: ID!) { logsForRun(runId: $run) { ... on EventConnection { events { __typename "
    "... on MessageEvent { message } ... on ExecutionStepOutputEvent { metadataEntries { ...M } } "
    "... on ExecutionStepFailureEvent { error { message stack errorChain "
    "{ error { message stack } } } failureMetadata { metadataEntries { ...M } } } } } } }"
) + METADATA


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flow, Path, dict[str, str]]]:
    """A pipeline that has seen good and bad days; what it said on the way, by who said it."""
    folder = tmp_path_factory.mktemp("canaries")
    home = folder / "home"
    home.mkdir()
    declaration = replace(
        PROGRAM, account_sid="IRzqaccountsid", auth_token="zqwritetoken", scoped_tokens={"zqreadtoken": ("Actions",)}
    )
    said: dict[str, str] = {}
    with flow_in(folder, declaration=declaration) as flow, pytest.MonkeyPatch.context() as patch:
        flow.environment |= {env.CONFIG: str(_config(folder)), env.AUTH_TOKEN: "zqwritetoken"}
        for name, value in flow.environment.items():
            patch.setenv(name, value)
        patch.setenv("DAGSTER_HOME", str(home))
        flow.org.add_field("Lead", Field(name="Impact_Click_Id__c", type="string", length=80))
        written = _Written()
        logging.getLogger().addHandler(written)
        try:
            with dg.DagsterInstance.from_config(str(home)) as instance:
                said["errors"] = "\n".join(_days(flow, instance, patch))
                said["events"] = "\n".join(
                    str(entry) for run in instance.get_runs() for entry in instance.all_logs(run.run_id)
                )
        finally:
            logging.getLogger().removeHandler(written)
        said["log lines"] = "\n".join(written.lines)
        said["commands"] = "\n".join(_commands(flow))
        yield flow, home, said


def _config(folder: Path) -> Path:
    """A mapping that tells about the person, and a condition over a field that never leaves."""
    shutil.copytree(RECOMMENDED, folder / "config")
    file = folder / "config/objects/lead.yaml"
    mapped = 'CustomerCity: "{City}"\n      PhoneNumber: "{Phone}"\n      Text1: "{LastName}"\n      Text2: "{Company}"'
    text = file.read_text().replace('EventDate: "{_event_at}"', f'EventDate: "{{_event_at}}"\n      {mapped}')
    text = text.replace("when: Status = 'Qualified'", "when: Status = 'Qualified' and Title is distinct from 'x'")
    file.write_text(text.replace("CustomerCountry", 'CustomerEmail: "{Email|sha1_email}"\n      CustomerCountry'))
    return folder / "config"


def _days(flow: Flow, instance: dg.DagsterInstance, patch: pytest.MonkeyPatch) -> Iterator[str]:
    """Play good and bad days; the text of each failure, with all its causes."""
    leads = [flow.a_lead(**PERSON) for _ in range(4)] + [flow.a_lead(**HELD)]
    leads.append(flow.a_lead(**PERSON, Impact_Click_Id__c="zqclick" * 10))
    yield from _run(flow, instance, *JOBS)
    flow.advance(hours=1)
    for lead in leads:
        flow.edit("update", "Lead", lead, Status="Qualified")
    flow.advance(minutes=5)
    quoted = "zqsurname of zqcity with zqwritetoken of IRzqaccountsid is not valid"
    flow.impact_faults.add(Fault(kind="error_with_200", endpoint="Conversions", parameters={"message": quoted}))
    yield from _run(flow, instance, "conversion_cycle", "submit_conversions")
    flow.advance(minutes=30)
    flow.impact_faults.add(Fault(kind="server_error", count=3))
    yield from _run(flow, instance, "confirm_and_reconcile", "submit_conversions")
    flow.edit("update", "Lead", leads[0], LastName="zqmarried")
    flow.advance(minutes=20)
    for name, value in ((env.AUTH_TOKEN, "zqwrongtoken"), (env.CLIENT_SECRET, "zqclientsecret")):
        with patch.context() as wrong:
            wrong.setenv(name, value)
            yield from _run(flow, instance, *JOBS)
    flow.advance(minutes=20)
    yield from _run(flow, instance, *JOBS)


def _run(flow: Flow, instance: dg.DagsterInstance, *jobs: str) -> Iterator[str]:
    definitions = build_definitions(
        resources_from(flow.environment, wait_seconds=5, clock=flow.clock.now),
        load_config(Path(flow.environment[env.CONFIG])),
    )
    for job in jobs:
        try:
            run_job(definitions, job, instance)
        except Exception as error:  # noqa: BLE001  (whatever it is, its text is searched)
            while error is not None:
                yield f"{type(error).__name__}: {error}"
                error = error.__cause__ or error.__context__  # type: ignore[assignment]


def _commands(flow: Flow) -> Iterator[str]:
    """What commands say that anybody may paste somewhere."""
    told = flow.rows("select Id from outbox.request order by request_id limit 1")[0][0]
    for arguments in (
        ["explain", told],
        ["explain", told, "--json"],
        ["reconcile"],
        ["preflight"],
        ["release", told, "--reason", "x"],
    ):
        yield CliRunner().invoke(cli, arguments).output


class _Written(logging.Handler):
    """Every line that any logger of this process writes, also urllib3's at DEBUG."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


def found(text: str) -> set[str]:
    return set(WORDS.findall(text))


@pytest.mark.parametrize("place", ["errors", "events", "log lines", "commands"])
def test_nothing_that_was_said_shows_a_secret_or_a_person(lived, place):
    _, _, said = lived

    assert len(said[place]) > 200, "something was said"
    assert found(said[place]) == set()


def test_the_readers_copy_shows_no_secret_and_no_person(lived):
    flow, _, _ = lived
    places = words_by_column(readers_path(flow.warehouse.path))

    assert places == {}


def test_in_the_warehouse_a_person_is_only_where_the_closed_list_says(lived):
    flow, _, _ = lived
    places = words_by_column(flow.warehouse.path)

    assert {word for words in places.values() for word in words} >= {"zqsurname", "zqcity", "zqtitle", "zqmail"}
    assert not {word for words in places.values() for word in words} & {*SECRETS, "zqwrongtoken"}
    leaks = {column: words for column, words in places.items() if not any(re.fullmatch(p, column) for p in ALLOWED)}
    assert leaks == {}


def test_dagsters_own_files_hold_no_secret_and_no_person(lived):
    _, home, _ = lived
    files = [file for file in home.rglob("*") if file.is_file()]

    assert files
    assert {file.name: words for file in files if (words := found(file.read_bytes().decode("latin-1")))} == {}


def test_the_ui_answers_without_a_secret_or_a_person(lived):
    _, home, _ = lived
    with webserver(home) as ask:
        runs = ask(QUERIES["runs"])
        answers = {name: json.dumps(ask(query)) for name, query in QUERIES.items()}
        events = [json.dumps(ask(EVENTS, run=run["id"])) for run in runs["data"]["runsOrError"]["results"]]

    assert "IMPACT_AUTH_TOKEN" in answers["resources"], "the names of the secrets are shown"
    assert len(events) >= 10
    assert "FailureEvent" in "".join(events)
    assert "CustomerEmail" in "".join(events), "the statement of what left"
    assert {name: found(text) for name, text in answers.items() if found(text)} == {}
    assert found("".join(events)) == set()


def test_each_run_states_what_left_of_how_many_records_in_which_form(lived):
    flow, _, _ = lived
    bodies = [dict(parse_qsl(one.body.decode())) for one in flow.program.received]

    stated = flow.rows(
        "select parameter, form, max(record_count) from audit.disclosure where object = 'Lead' group by all"
    )

    assert {parameter for parameter, _, _ in stated} == {name for body in bodies for name in body}
    assert {parameter for parameter, form, _ in stated if form == "sha1"} == {"CustomerEmail"}
    assert flow.rows("select sum(record_count) from audit.disclosure where parameter = 'OrderId'") == flow.rows(
        "select count(distinct (run_id, request_id)) from audit.attempt where verdict <> 'not_sent'"
    )


def words_by_column(file: Path) -> dict[str, set[str]]:
    """`schema.table.column` → the planted words in it."""
    places: dict[str, set[str]] = {}
    with duckdb.connect(str(file), read_only=True) as con:
        columns = con.execute(
            "select c.schema_name, c.table_name, c.column_name from duckdb_columns() as c join duckdb_tables() as t "
            "using (database_name, schema_name, table_name) where database_name = current_database()"
        ).fetchall()
        for schema, table, column in columns:
            rows = con.execute(
                f"select distinct unnest(regexp_extract_all(\"{column}\"::varchar, '{WORDS.pattern}')) "
                f'from "{schema}"."{table}"'
            ).fetchall()
            if rows:
                places[f"{schema}.{table}.{column}"] = {word for (word,) in rows}
    return places


@contextmanager
def webserver(home: Path) -> Iterator[Any]:
    """Dagster's own, over that instance; gives what asks it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    workspace = Path(__file__).parent.parent / "workspace.yaml"
    command = [sys.executable, "-m", "dagster_webserver", "-w", str(workspace)]
    with (home / "webserver.txt").open("w") as output:
        process = subprocess.Popen(
            [*command, "-h", "127.0.0.1", "-p", str(port), "--read-only"],
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(url, process)

        def ask(query: str, **variables: Any) -> Any:
            answer = requests.post(f"{url}/graphql", json={"query": query, "variables": variables}, timeout=60).json()
            assert "errors" not in answer, answer["errors"]
            return answer

        yield ask
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert process.poll() is None, "the webserver ended"
        try:
            if requests.get(f"{url}/server_info", timeout=5).ok:
                return
        except requests.ConnectionError:
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.2)
    pytest.fail("the webserver did not answer")
