"""Kill -9 of a real process at named boundaries, and run again: nothing lost, nothing twice."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline_tests.outbox.conftest import SID, TOKEN, Outbox, There

ROWS = 14


@pytest.fixture
def warehouse(tmp_path: Path, empty_warehouse: Path) -> Warehouse:
    """Opened anew for each transaction, as others open it too."""
    return Warehouse(path=shutil.copy(empty_warehouse, tmp_path / "impact_pipeline.duckdb"))


def killed_at(outbox: Outbox, impact: There, boundary: str, count: int) -> bool:
    """Run the lane in a process that kills itself there; whether it came there."""
    finished = subprocess.run(
        [
            *(sys.executable, "-m", "impact_pipeline_tests.outbox.crashing"),
            *(str(outbox.warehouse.path), impact.url, SID, TOKEN, outbox.clock.now().isoformat(), boundary, str(count)),
        ],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert finished.returncode in (0, -signal.SIGKILL), finished.stderr.decode()
    return finished.returncode == -signal.SIGKILL


def runs_to_the_end(outbox: Outbox) -> None:
    for _ in range(3):
        outbox.submit()
        outbox.passes(minutes=11)
        outbox.confirm()


@pytest.mark.parametrize(
    "kills",
    [
        [("after_commit", 1), ("after_answer", 3), ("before_request", 2)],
        [("before_commit", 2), ("before_mark", 1), ("after_answer", 5)],
        [("after_mark", 2), ("before_commit", 1), ("after_commit", 3)],
    ],
)
def test_after_kills_at_any_boundary_the_next_runs_send_everything_exactly_once(
    outbox: Outbox, impact: There, kills: list[tuple[str, int]]
) -> None:
    outbox.proven()
    outbox.wants_many(ROWS)
    outbox.enqueue()

    for boundary, count in kills:
        assert killed_at(outbox, impact, boundary, count), boundary
        outbox.passes(minutes=4)
    runs_to_the_end(outbox)

    assert outbox.lead_states() == {"settled/credited"}
    assert impact.recorded() == {f"Lead_{number:02}": 1 for number in range(ROWS)}
    assert set(impact.live().values()) == {1}
    # A body that was cut off by the kill arrives as none.
    assert len(set(impact.received) - {""}) == ROWS, "what went again went with the same bytes"


def test_a_run_whose_process_is_gone_is_followed_at_once(outbox: Outbox, impact: There) -> None:
    """Nobody has to wait until its lease expires."""
    outbox.proven()
    outbox.wants_many(ROWS)
    outbox.enqueue()
    assert killed_at(outbox, impact, "after_answer", 2)

    report = outbox.submit()

    assert report.skipped is None
    assert report.recovered > 0
    assert report.sent + report.recovered == ROWS
