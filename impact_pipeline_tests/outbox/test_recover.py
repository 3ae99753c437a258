"""An old copy of the warehouse is put back: impact.com knows what it forgot, nothing is sent twice, nothing lost."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from impact_pipeline.outbox.impact.client import NotPermittedError
from impact_pipeline.outbox.recover import NotRecovered, RecoverReport, recover
from impact_pipeline.simulator.impact import create_unsubmitted
from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline.warehouse.high_water import RestoredOldCopy, mark_path
from impact_pipeline_tests.outbox.conftest import LEAD, Outbox, There, want

SETTLED = "settled/credited"


@pytest.fixture
def warehouse(tmp_path: Path, empty_warehouse: Path) -> Warehouse:
    """Opened anew for each transaction, so that the file can be replaced in between."""
    return Warehouse(path=shutil.copy(empty_warehouse, tmp_path / "impact_pipeline.duckdb"))


def backup(outbox: Outbox) -> Callable[[], None]:
    """Copy the file now; what puts the copy back."""
    copy = outbox.warehouse.path.with_suffix(".backup")
    shutil.copy(outbox.warehouse.path, copy)
    return lambda: Path(shutil.copy(copy, outbox.warehouse.path)).touch()


def recovered(outbox: Outbox, *, is_rehearsal: bool = False) -> RecoverReport:
    outbox.runs += 1
    return recover(
        outbox.warehouse,
        outbox.client,
        outbox.settings,
        run_id=f"run-{outbox.runs}",
        clock=outbox.clock.now,
        is_rehearsal=is_rehearsal,
    )


def cycles(outbox: Outbox, count: int = 3) -> None:
    for _ in range(count):
        outbox.enqueue()
        outbox.submit()
        outbox.passes(minutes=20)
        outbox.confirm()


def test_nothing_is_sent_twice_and_nothing_is_lost(outbox: Outbox, impact: There) -> None:
    """Waiting, in doubt and unknown to the copy; one whose answer was lost, one that never left."""
    outbox.proven()
    outbox.wants("Lead_before")
    outbox.enqueue()
    outbox.submit()
    outbox.wants("Lead_waiting")
    outbox.wants("Lead_never_left")
    outbox.enqueue()
    put_back = backup(outbox)
    impact.fault("timeout", method="POST", order_id="Lead_never_left")
    outbox.submit()
    for name in ("Lead_later", "Lead_unanswered"):
        outbox.wants(name)
    outbox.enqueue()
    impact.fault("accepted_unanswered", method="POST", order_id="Lead_unanswered")
    outbox.submit()
    put_back()

    with pytest.raises(RestoredOldCopy, match="impact-pipeline recover"):
        outbox.submit()
    outbox.passes(minutes=11)
    report = recovered(outbox)
    for name in ("Lead_later", "Lead_unanswered", "Lead_new"):
        outbox.wants(name)
    cycles(outbox)

    assert (report.is_old_copy, report.found_there, report.unknown_here) == (True, 1, 2)
    names = ("before", "waiting", "never_left", "later", "unanswered", "new")
    assert impact.recorded() == {f"Lead_{name}": 1 for name in names}
    assert set(impact.live().values()) == {1}
    assert {name: outbox.states()[f"Lead_{name}"] for name in names} == dict.fromkeys(names, SETTLED)


def test_what_impact_com_does_not_credit_is_found_among_its_records(outbox: Outbox, impact: There) -> None:
    """There is no action that could tell of an organic customer."""
    outbox.proven()
    outbox.wants("Lead_organic", ClickId=None)
    outbox.enqueue()
    put_back = backup(outbox)
    outbox.submit()
    put_back()
    outbox.passes(minutes=11)

    recovered(outbox)
    cycles(outbox)

    assert impact.recorded() == {"Lead_organic": 1}
    assert outbox.states()["Lead_organic"] == "settled/not_credited"


def test_a_rehearsal_tells_the_same_and_changes_nothing(outbox: Outbox) -> None:
    outbox.proven()
    outbox.wants_many(3)
    outbox.enqueue()
    put_back = backup(outbox)
    outbox.submit()
    put_back()
    outbox.passes(minutes=11)
    mark = mark_path(outbox.warehouse.path).read_bytes()

    rehearsed = recovered(outbox, is_rehearsal=True)

    assert outbox.lead_states() == {"ready"}
    assert outbox.rows("select lane from outbox.lease where run_id is not null") == []
    assert mark_path(outbox.warehouse.path).read_bytes() == mark
    with pytest.raises(RestoredOldCopy):
        outbox.submit()
    assert recovered(outbox) == rehearsed
    assert rehearsed.found_there == 3


def test_the_newest_file_needs_nothing(outbox: Outbox) -> None:
    outbox.wants("Lead_1")
    outbox.enqueue()
    outbox.submit()

    assert recovered(outbox) == RecoverReport(is_old_copy=False)


def test_a_file_without_any_move_goes_on_as_well(outbox: Outbox, impact: There) -> None:
    put_back = backup(outbox)
    outbox.wants("Lead_1")
    outbox.enqueue()
    outbox.submit()
    put_back()
    outbox.passes(minutes=11)

    recovered(outbox)
    outbox.wants("Lead_1")
    cycles(outbox)

    assert impact.recorded() == {"Lead_1": 1}
    assert outbox.states() == {"Lead_1": SETTLED}


def test_a_correction_that_was_told_is_told_again_with_the_same_value_at_most(outbox: Outbox, impact: There) -> None:
    event_id = outbox.wants("Lead_1", amount="100.00")
    cycles(outbox, 1)
    put_back = backup(outbox)
    with outbox.warehouse.transaction() as con:
        want(con, event_id, outbox.clock.now(), state="reversed", code="ORDER_ERROR")
    outbox.enqueue()
    outbox.passes(hours=2)
    cycles(outbox, 2)
    put_back()
    recovered(outbox)

    with outbox.warehouse.transaction() as con:
        want(con, event_id, outbox.clock.now(), state="reversed", code="ORDER_ERROR")
    outbox.enqueue()
    outbox.passes(hours=2)
    cycles(outbox, 2)

    assert impact.app.api.requests["DELETE Actions"] == 1, "the action is reversed, and reading showed it"


def test_sending_stays_stopped_while_the_lists_can_not_be_a_proof(outbox: Outbox, impact: There) -> None:
    outbox.wants("Lead_1")
    outbox.enqueue()
    put_back = backup(outbox)
    outbox.submit()
    put_back()

    with pytest.raises(NotRecovered, match=r"Run impact-pipeline recover again after 12:10:00Z"):
        recovered(outbox)
    outbox.passes(minutes=11)
    impact.fault("server_error", method="GET", endpoint="APISubmissions", parameters={"status": 403})
    with pytest.raises(NotPermittedError, match="Enable the endpoint"):
        recovered(outbox)
    with pytest.raises(RestoredOldCopy):
        outbox.submit()

    assert recovered(outbox).found_there == 1, "nothing holds the lane that failed before"


def test_a_copy_older_than_impact_coms_records_is_refused(outbox: Outbox) -> None:
    outbox.wants("Lead_1")
    outbox.enqueue()
    put_back = backup(outbox)
    outbox.submit()
    put_back()
    outbox.passes(days=95)

    with pytest.raises(NotRecovered, match="90 days"):
        recovered(outbox)


def test_a_mark_that_can_not_be_read_is_recovered_from_too(outbox: Outbox, impact: There) -> None:
    outbox.wants("Lead_1")
    outbox.enqueue()
    put_back = backup(outbox)
    outbox.submit()
    put_back()
    mark_path(outbox.warehouse.path).write_text("{")
    # Its own time is the machine's; the clock of the test is moved beyond it.
    outbox.clock.move_to(max(outbox.clock.now(), _modified_at(outbox)))
    outbox.passes(minutes=11)

    assert recovered(outbox).found_there == 1
    cycles(outbox)
    assert impact.recorded() == {"Lead_1": 1}


def test_an_action_that_others_reported_under_the_key_is_not_taken_for_ours(outbox: Outbox, impact: There) -> None:
    """Without a copy and a loss the same rule holds: what is there already is not sent."""
    outbox.wants("Lead_1")
    create_unsubmitted(
        impact.program,
        {"EventTypeCode": LEAD, "OrderId": "Lead_1", "EventDate": "2026-11-20T12:00:00Z", "ClickId": "click-1"},
        "CLICK_COOKIE",
    )
    outbox.passes(hours=1)
    outbox.confirm()

    assert outbox.enqueue().found_there == 1
    cycles(outbox, 1)

    assert outbox.states() == {"Lead_1": "settled/already_there"}
    assert impact.received == []


def _modified_at(outbox: Outbox) -> datetime:
    return datetime.fromtimestamp(mark_path(outbox.warehouse.path).stat().st_mtime, UTC)
