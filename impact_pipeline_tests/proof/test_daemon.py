"""T3: Dagster's daemon from end to end: the sensor ticks, a run is cancelled in the UI, the daemon is killed."""

import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from impact_pipeline.config import environment as env
from impact_pipeline.simulator.clock import Clock
from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline_tests.outbox.conftest import SID, TOKEN, Outbox, There
from impact_pipeline_tests.outbox.conftest import empty_warehouse as empty_warehouse
from impact_pipeline_tests.outbox.conftest import impact as impact
from impact_pipeline_tests.outbox.conftest import outbox as outbox
from impact_pipeline_tests.proof.checks import told_by_the_warehouse
from impact_pipeline_tests.proof.daemon import Installation, installation, until
from impact_pipeline_tests.proof.location import CLOCK_FILE, moved_now

ROWS = 60
SLOW_MS = 4000


class MovedClock(Clock):
    """The time that the daemon's runs go by, too: the machine's, and what the file adds."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file

    def now(self) -> datetime:
        return moved_now()

    def advance(self, by: timedelta) -> None:
        self._file.write_text(str(float(self._file.read_text("ascii")) + by.total_seconds()), "ascii")


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    file = tmp_path / "clock"
    file.write_text("0", "ascii")
    monkeypatch.setenv(CLOCK_FILE, str(file))
    return MovedClock(file)


@pytest.fixture
def warehouse(tmp_path: Path, empty_warehouse: Path) -> Warehouse:
    return Warehouse(path=shutil.copy(empty_warehouse, tmp_path / "impact_pipeline.duckdb"))


@pytest.fixture
def dagster(tmp_path: Path, outbox: Outbox, impact: There) -> Iterator[Installation]:
    given = {
        env.WAREHOUSE: str(outbox.warehouse.path),
        env.BASE_URL: impact.url,
        env.ACCOUNT_SID: SID,
        env.AUTH_TOKEN: TOKEN,
        env.CAMPAIGN_ID: "4711",
    }
    with installation(tmp_path, given) as it:
        yield it


def test_a_run_cancelled_in_the_ui_and_a_killed_daemon_lose_nothing_and_send_nothing_twice(
    outbox: Outbox, impact: There, dagster: Installation
) -> None:
    goes_all_the_way(outbox, "Lead_first")
    outbox.wants_many(ROWS)
    outbox.enqueue()
    earlier = len(impact.received)
    impact.fault("latency", method="POST", endpoint="Conversions", count=None, parameters={"ms": SLOW_MS})
    dagster.start_server()
    daemon = dagster.start_daemon()
    dagster.switch_sensor_on()

    with dg.DagsterInstance.from_config(str(dagster.home)) as instance:
        # Its first requests are under way.
        until(lambda: len(impact.received) > earlier, "the sensor's run sends")
        (cancelled,) = instance.get_runs()
        dagster.cancel(cancelled.run_id)
        until(lambda: _status(instance, cancelled.run_id).name == "CANCELED", "the run is cancelled")

        seen = len(impact.received)
        outbox.passes(minutes=11)
        until(lambda: len(instance.get_runs()) > 1 and len(impact.received) > seen, "the next run sends")
        daemon.kill()
        daemon.wait()
        impact.mend()
        dagster.start_daemon()
        until(lambda: not _unfinished(instance), "every run is over")
        for _ in range(3):
            outbox.passes(minutes=11)
            outbox.confirm()
            until(lambda: not _due(outbox), "the sensor's runs have sent what goes again")
        outbox.confirm()
        keys = Counter(run.tags["dagster/run_key"] for run in instance.get_runs())

    assert set(keys.values()) == {1}, "two ticks on one state gave two runs"
    assert outbox.lead_states() == {"settled/credited"}
    assert impact.recorded() == dict.fromkeys(["Lead_first", *(f"Lead_{number:02}" for number in range(ROWS))], 1)
    assert set(impact.live().values()) == {1}
    with outbox.warehouse.reading() as con:
        assert told_by_the_warehouse(con, outbox.settings, skew=timedelta(0)) == []


def goes_all_the_way(outbox: Outbox, order_id: str) -> None:
    """So that the event type's first conversion need not go alone any more."""
    outbox.wants(order_id)
    outbox.enqueue()
    outbox.submit()
    outbox.passes(minutes=11)
    outbox.confirm()


def _status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def _unfinished(instance: dg.DagsterInstance) -> bool:
    return any(not run.is_finished for run in instance.get_runs())


def _due(outbox: Outbox) -> bool:
    return "ready" in outbox.lead_states() or "intended" in outbox.lead_states()
