"""From a simulated Salesforce to a simulated impact.com, through the jobs that Dagster and the command line run."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from impact_pipeline.warehouse.publish import readers_path
from impact_pipeline_tests.flow import Flow, flow_in

# Dagster 1.13 asks pydantic 2 for __fields__ where a resource has no field.
pytestmark = pytest.mark.filterwarnings("ignore:The `__fields__` attribute")
# What records that a cycle ran.
RECORDS_OF_RUNS = {'"audit"."extraction"', '"audit"."listing"', '"outbox"."lease"'}
READER = """
import sys, duckdb
con = duckdb.connect(sys.argv[1], read_only=True)
for line in sys.stdin:
    print(con.execute("select count(*) from outbox.request").fetchone()[0], flush=True)
"""


@pytest.fixture
def flow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flow]:
    with flow_in(tmp_path) as made:
        for name, value in made.environment.items():
            monkeypatch.setenv(name, value)
        yield made


def test_what_happens_in_salesforce_is_told_to_impact_once_and_an_idle_cycle_changes_nothing(flow):
    """The first load is a baseline: the deal that was won before is not told."""
    flow.a_deal(StageName="Closed Won")
    lead, deal = flow.a_lead(), flow.a_deal()
    flow.cycle()
    assert flow.reported() == {}

    flow.advance(hours=1)
    flow.edit("update", "Lead", lead, Status="Qualified")
    flow.edit("update", "Opportunity", deal, StageName="Closed Won")
    flow.cycle()
    told = flow.reported()
    before = flow.fingerprints()
    flow.cycle()

    assert told == {
        ("Lead_Qualified", f"Lead_Qualified_{lead}"): 1,
        ("Opportunity_Closed Won", f"Opportunity_Closed Won_{deal}"): 1,
    }
    assert flow.reported() == told
    after = flow.fingerprints()
    assert {name for name in after if after[name] != before.get(name)} <= RECORDS_OF_RUNS
    assert flow.rows("select distinct state, outcome from outbox.request") == [("settled", "not_credited")]
    assert flow.rows("select sum(expected_balance_count), sum(sent_balance_amount) from reconciliation.totals") == [
        (0, 0)
    ]


def test_a_reader_holds_the_copy_open_all_through_a_cycle(flow):
    """Neither waits for the other: the reader keeps its old copy, and who opens it anew sees the new one."""
    deal = flow.a_deal()
    flow.cycle()
    readers = readers_path(flow.warehouse.path)
    arguments = [sys.executable, "-c", READER, str(readers)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        counts = [_count(reader)]

        flow.advance(hours=1)
        flow.edit("update", "Opportunity", deal, StageName="Closed Won")
        flow.cycle()
        counts.append(_count(reader))

        reader.stdin.close()
    fresh = subprocess.run(arguments, input="\n", capture_output=True, text=True, check=True)
    assert counts == [0, 0]
    assert fresh.stdout.strip() == "1"


def _count(reader: subprocess.Popen[str]) -> int:
    assert reader.stdin is not None
    assert reader.stdout is not None
    reader.stdin.write("\n")
    reader.stdin.flush()
    return int(reader.stdout.readline())
