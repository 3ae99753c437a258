"""What is older than pipeline.yaml allows is erased, and nothing else."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from impact_pipeline.config import environment as env
from impact_pipeline.config.load import RECOMMENDED
from impact_pipeline.config.models import Retention
from impact_pipeline.reconciliation.retention import apply_retention, is_due
from impact_pipeline.simulator.clock import Clock
from impact_pipeline.simulator.salesforce.schema import Field
from impact_pipeline.warehouse.backup import backup, backups_of, folder_of
from impact_pipeline_tests.flow import flow_in

START = datetime(2026, 11, 20, 10, tzinfo=UTC)
OLD = ("Zqold", "Zqolder", "Zqsent", "Zqanswered")


@pytest.fixture(scope="module")
def aged(tmp_path_factory):
    """Two leads, one of them reported; edits of the last months, and a year later one more."""
    folder = tmp_path_factory.mktemp("retention")
    shutil.copytree(RECOMMENDED, folder / "config")
    file = folder / "config/objects/lead.yaml"
    file.write_text(
        file.read_text().replace(
            'CustomerCountry: "{Country}"', 'CustomerCountry: "{Country}"\n      Text1: "{Company}"'
        )
    )
    with flow_in(folder, clock=Clock(START)) as flow, pytest.MonkeyPatch.context() as patch:
        flow.environment[env.CONFIG] = str(folder / "config")
        for name, value in flow.environment.items():
            patch.setenv(name, value)
        flow.org.add_field("Lead", Field(name="Customer_Id__c", type="string", length=40))
        told, other = flow.a_lead(Company="Zqsent"), flow.a_lead(Company="Zqolder")
        flow.cycle()
        flow.edit("update", "Lead", told, Status="Qualified")
        flow.edit("update", "Lead", other, Company="Zqold")
        flow.cycle()
        flow.edit("update", "Lead", other, Company="Zqnow")
        flow.edit("update", "Lead", told, Company="Zqnow")
        flow.cycle()
        with flow.warehouse.transaction() as con:
            con.execute("update audit.attempt set answer = 'Zqanswered'")
        folder_of(flow.warehouse.path).mkdir()
        for name in ("first", "second"):
            backup(flow.warehouse, folder_of(flow.warehouse.path) / f"{name}.duckdb", now=flow.clock.now())
            flow.advance(days=1)
        yield flow, told, other


def words_in(path: Path) -> set[str]:
    content = path.read_bytes()
    return {word for word in OLD if f"{word}".encode() in content}


def test_what_is_old_goes_what_carries_a_reported_event_stays_and_the_run_says_what_it_did(aged):
    flow, told, other = aged
    assert is_due(flow.warehouse, flow.clock.now())
    kept = "select event_id, OrderId, amount, state, outcome from outbox.request order by all"
    before = flow.rows(kept)
    assert words_in(flow.warehouse.path) == set(OLD)

    flow.run("apply_retention")
    early = flow.rows("select map_values(rows), files from audit.retention")
    flow.advance(days=401)
    flow.run("apply_retention")

    (newest,) = flow.rows("select rows, files from audit.retention order by applied_at desc limit 1")
    assert early == [([], [])]
    # All changes but the one that the reported event came from; the baseline's hold no values.
    assert newest[0] == {
        "raw.Lead_past": 2,
        "changes.change": 5,
        "outbox.request": 1,
        "audit.attempt": 1,
        "conversions.conversion": 1,
    }
    # The version that the reported event came from is what a correction would be weighed against.
    assert words_in(flow.warehouse.path) == {"Zqsent"}
    assert flow.rows(f"select Company from raw.Lead_past where Id = '{told}'") == [("Zqsent",), ("Zqsent",)]
    assert flow.rows(f"select count(*) from raw.Lead_past where Id = '{other}'") == [(0,)]
    assert flow.rows(kept) == before
    assert flow.rows("select distinct answer from audit.attempt") == [(None,)]
    assert ("Text1", 1) in flow.rows("select parameter, record_count from audit.disclosure")
    assert not is_due(flow.warehouse, flow.clock.now())


def test_the_next_cycle_finds_nothing_new_where_old_versions_are_gone(aged):
    flow, told, other = aged
    flow.run("apply_retention")
    changes, told_before = flow.rows("select count(*) from changes.change"), flow.reported()

    flow.edit("update", "Lead", other, Company="Zqlater")
    flow.edit("update", "Lead", told, Company="Zqlater")
    flow.cycle()

    assert flow.rows("select count(*) from changes.change") == [(changes[0][0] + 2,)]
    assert flow.rows("select kind from changes.change order by change_id desc limit 2") == [("updated",), ("updated",)]
    assert flow.reported() == told_before


def test_old_backups_go_but_for_the_newest(aged):
    flow, _, _ = aged
    week = Retention(backups=timedelta(days=7))

    erased = apply_retention(flow.warehouse, week, run_id="r", now=flow.clock.now() + timedelta(days=30))

    assert erased.files == ("first.duckdb",)
    assert [path.name for path in backups_of(flow.warehouse.path)] == ["second.duckdb"]
    assert json.loads((folder_of(flow.warehouse.path) / "second.duckdb.json").read_text())
