"""`impact-pipeline reread`, and what a run says that the quota stops."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from impact_pipeline.cli import cli
from impact_pipeline_tests.flow import Flow, flow_in


@pytest.fixture
def flow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flow]:
    with flow_in(tmp_path) as made:
        for name, value in made.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("DAGSTER_HOME", raising=False)
        monkeypatch.chdir(tmp_path)
        yield made


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments), prog_name="impact-pipeline")


def test_a_stretch_is_read_again_and_the_next_cycle_finds_what_no_stamp_told(flow):
    deal = flow.a_deal(Amount="100.00")
    flow.advance(hours=1)
    flow.run("conversion_cycle")
    table = flow.org.table("Opportunity")
    table.put(table.rows[deal] | {"Amount": table.rows[deal]["Amount"] + 1})

    result = invoke("reread", "Opportunity", "--after", "2026-11-20", "--sweep", "--json")
    flow.advance(minutes=20)
    flow.run("conversion_cycle")

    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["object"], told["rows_read"], told["versions_written"], told["ids_missing"]) == (
        "Opportunity",
        2,
        1,
        0,
    )
    assert flow.rows("select kind, fields from changes.change where kind = 'updated'") == [("updated", ["Amount"])]
    assert flow.rows("select count(*) from changes.change where cycle_id like 'reread%'") == [(0,)]


def test_people_are_told_where_it_came_to(flow):
    flow.a_deal()
    flow.advance(hours=1)
    flow.run("conversion_cycle")

    result = invoke("reread", "Opportunity")

    assert result.exit_code == 0, result.output
    assert "Opportunity from the beginning until 2026-11-20T10:4" in result.output
    assert "1 rows read, 0 new versions" in result.output


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("Opportunity", "--after", "2026-11-01T08:30:00"), 2, "names no zone"),
        (("Opportunity", "--after", "last week"), 2, "is no time"),
        (("Opportunity",), 2, "The first load of Opportunity has not ended. Run a cycle first"),
        (("Case",), 2, "Case is not captured"),
    ],
)
def test_what_can_not_be_read_again_is_one_clear_error(flow, arguments, code, said):
    result = invoke("reread", *arguments)

    assert result.exit_code == code, result.output
    assert said in result.output
    assert "Traceback" not in result.output


def test_a_run_that_the_quota_stops_has_an_exit_code_of_its_own(flow):
    flow.a_deal()
    flow.salesforce_faults.add("daily_limit", match="^query_all")

    result = invoke("run")

    assert result.exit_code == 5, result.output
    assert "Error: Stopped by quota, nothing is lost. " in result.output
    assert "The next run goes on with the first load of" in result.output


def test_a_check_counts_and_its_exit_code_says_whether_something_is_missing(flow):
    deal = flow.a_deal()
    flow.advance(hours=1)
    flow.run("conversion_cycle")

    complete = invoke("reread", "Opportunity", "--check")
    with flow.warehouse.transaction() as con:
        con.execute('delete from raw."Opportunity"')
    missing = invoke("reread", "Opportunity", "--check", "--json")

    assert (complete.exit_code, missing.exit_code) == (0, 1), complete.output
    assert "1 records of Opportunity there and 1 here" in complete.output
    assert json.loads(missing.stdout)["missing_ids"] == [deal]


def test_a_check_reads_nothing_again(flow):
    result = invoke("reread", "Opportunity", "--check", "--sweep")

    assert result.exit_code == 2
    assert "leave out" in result.output


def test_the_job_checks_every_object_and_asks_little(flow):
    flow.a_deal()
    flow.advance(hours=1)
    flow.run("conversion_cycle")
    before = flow.rows("select count(*) from audit.extraction")

    flow.run("check_completeness")

    assert flow.rows("select count(*) from audit.extraction") == before
