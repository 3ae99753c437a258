"""From a simulated Salesforce to a simulated impact.com, through the jobs that Dagster and the command line run."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from impact_pipeline.config import environment as env
from impact_pipeline.config.load import RECOMMENDED
from impact_pipeline.simulator.clock import Clock
from impact_pipeline.simulator.impact import Fault
from impact_pipeline.warehouse.binding import WrongBinding, bind
from impact_pipeline.warehouse.publish import publish, readers_path
from impact_pipeline_tests.flow import JOBS, PROGRAM, Flow, flow_in

# What records that a cycle ran, and the list of what is left for the next one.
RECORDS_OF_RUNS = {'"audit"."extraction"', '"audit"."listing"', '"outbox"."lease"', '"conversions"."open_decision"'}
RUN = "import sys; sys.argv[1:] = ['run']; from impact_pipeline.cli import main; main()"
READER = """
import sys, duckdb
con = duckdb.connect(sys.argv[1], read_only=True)
for line in sys.stdin:
    print(con.execute("select count(*) from changes.change").fetchone()[0], flush=True)
"""


@pytest.fixture
def flow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flow]:
    with flow_in(tmp_path) as made:
        for name, value in made.environment.items():
            monkeypatch.setenv(name, value)
        yield made


def test_what_happens_in_salesforce_is_told_to_impact_once_and_an_idle_cycle_changes_nothing(flow):
    """The first load is a baseline: the deal that was won before is not told."""
    flow.a_won_deal()
    lead, deal = flow.a_lead(), flow.a_deal()
    flow.cycle()
    assert flow.reported() == {}

    flow.advance(hours=1)
    flow.edit("update", "Lead", lead, Status="Qualified")
    flow.a_won_deal(deal)
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


@pytest.mark.parametrize("job", JOBS)
def test_no_job_acts_in_the_warehouse_of_another_program(flow, job):
    """A mix-up of environments stops before anything is read from Salesforce's records or told to impact.com."""
    with flow.warehouse.transaction() as con:
        bind(con, flow.org.org_id, False, PROGRAM.account_sid, "another program", flow.clock.now())
    before = flow.fingerprints()

    with pytest.raises(WrongBinding, match="another org or program"):
        flow.run(job)

    assert flow.program.received == []
    assert {name for name, kept in flow.fingerprints().items() if kept != before[name]} <= {'"outbox"."lease"'}


def test_a_reader_holds_the_copy_open_all_through_a_cycle(flow):
    """Neither waits for the other: the reader keeps its old copy, and who opens it anew sees the new one."""
    with flow.warehouse.transaction():
        pass
    publish(flow.warehouse, now=flow.clock.now())
    flow.a_won_deal()
    readers = readers_path(flow.warehouse.path)
    arguments = [sys.executable, "-c", READER, str(readers)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        counts = [_count(reader)]

        flow.cycle()
        counts.append(_count(reader))

        reader.stdin.close()
    fresh = subprocess.run(arguments, input="\n", capture_output=True, text=True, check=True)
    assert counts == [0, 0]
    assert int(fresh.stdout) > 0


def test_a_run_that_is_killed_while_it_sends_is_followed_by_one_that_loses_nothing_and_repeats_nothing(
    tmp_path, monkeypatch
):
    """kill -9 after impact.com has recorded a conversion and before its answer came: reading settles what that was."""
    config = tmp_path / "config"
    shutil.copytree(RECOMMENDED, config)
    with (config / "pipeline.yaml").open("a") as file:
        file.write("go_live_at: 2020-01-01T00:00:00Z\n")
    # The process that is killed tells real time, so virtual time has to arrive there by then.
    with flow_in(tmp_path, clock=Clock(datetime.now(UTC) - timedelta(hours=1))) as flow:
        for name, value in (flow.environment | {env.CONFIG: str(config)}).items():
            monkeypatch.setenv(name, value)
            flow.environment[name] = value
        deals = [flow.a_won_deal() for _ in range(4)]
        flow.cycle()
        first = flow.reported().total()

        flow.clock.move_to(datetime.now(UTC))
        flow.impact_faults.add(Fault(kind="no_answer", endpoint="Conversions", parameters={"seconds": 60}))
        with subprocess.Popen([sys.executable, "-c", RUN]) as killed:
            _wait_until(lambda: flow.reported().total() > first, killed)
            killed.send_signal(signal.SIGKILL)
        flow.impact_faults.clear()
        for _ in range(2):
            flow.cycle()

        assert first == 1
        assert flow.reported() == {("Opportunity_Closed Won", f"Opportunity_Closed Won_{deal}"): 1 for deal in deals}
        assert flow.rows("select distinct state from outbox.request") == [("settled",)]


def _wait_until(is_so: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Look again and again, until it is so or the process has ended; 60 s at most."""
    for _ in range(6000):
        if is_so():
            return
        try:
            assert process.wait(0.01) is None, "the run ended before it could be killed"
        except subprocess.TimeoutExpired:
            continue
    pytest.fail("nothing was sent within 60 s")


def _count(reader: subprocess.Popen[str]) -> int:
    assert reader.stdin is not None
    assert reader.stdout is not None
    reader.stdin.write("\n")
    reader.stdin.flush()
    return int(reader.stdout.readline())
