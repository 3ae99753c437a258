"""What Salesforce shows late: stamped while a transaction was open, seen when it was committed."""

from datetime import datetime, timedelta

import pytest

from impact_pipeline.capture.run import CaptureOptions
from impact_pipeline.capture.salesforce.errors import SalesforceError
from impact_pipeline.capture.windows import LONGEST_TRANSACTION, OVERLAP, next_window, upper_bound
from impact_pipeline_tests.capture.mortal import Killed, Life, MortalClient
from impact_pipeline_tests.capture.world import START, WANTED, World

LEADS = {"Lead": ("Company",)}
ONE_BY_ONE = CaptureOptions(readers=1, gather_seconds=0.0, rows_per_piece=5)


def a_late_lead(salesforce: World, minutes: float) -> str:
    """Stamped now and committed so many minutes later."""
    commit_at = (salesforce.clock.now() + timedelta(minutes=minutes)).isoformat()
    return salesforce.edit("create", "Lead", LastName="late", Company="late", commit_at=commit_at)


def test_a_transaction_that_was_open_longer_than_the_overlap_is_reached_back_to(salesforce: World) -> None:
    """getDeleted tells how long one has been open, and the next window begins there."""
    salesforce.capture(LEADS)
    late = a_late_lead(salesforce, minutes=20)
    for _ in range(9):
        salesforce.capture(LEADS)
        assert salesforce.query('select * from raw."Lead"') == []
    salesforce.advance(minutes=2)

    report = salesforce.capture(LEADS)

    assert salesforce.query('select "Id" from raw."Lead"') == [(late,)]
    after = report.captured[0].window_after
    assert after is not None
    assert after < report.until - OVERLAP - timedelta(minutes=5)


def test_with_nothing_open_a_window_reaches_back_no_further_than_the_overlap(salesforce: World) -> None:
    first = salesforce.capture(LEADS).until
    salesforce.advance(hours=1)

    assert salesforce.capture(LEADS).captured[0].window_after == first - OVERLAP


def test_the_reach_back_ends_after_a_day() -> None:
    """latestDateCovered may lag by days for reasons that have nothing to do with transactions."""
    window = next_window(START, START + timedelta(hours=1), OVERLAP, START - timedelta(days=9))

    assert window.after == START - LONGEST_TRANSACTION


def test_an_object_that_is_no_longer_captured_holds_no_other_back(salesforce: World) -> None:
    """Its log of deletions is never asked again, so it would tell of open transactions for ever."""
    salesforce.capture({**LEADS, **WANTED})
    salesforce.advance(days=3)
    until = salesforce.capture(LEADS).until
    salesforce.advance(days=3)

    assert salesforce.capture(LEADS).captured[0].window_after == until - OVERLAP


@pytest.mark.parametrize("bulk_from_rows", [1, 10_000])
def test_what_was_open_when_a_first_load_began_is_reached_after_it_broke_off(
    salesforce: World, bulk_from_rows: int
) -> None:
    """The load goes on behind the stamp of what was committed meanwhile."""
    late = a_late_lead(salesforce, minutes=20)
    for number in range(12):
        salesforce.advance(minutes=1)
        salesforce.edit("create", "Lead", LastName=f"{number}", Company=f"{number}")
    options = CaptureOptions(**{**vars(ONE_BY_ONE), "bulk_from_rows": bulk_from_rows, "poll_seconds": 0.01})
    salesforce.faults.add("short_pages", rows=5)
    client = salesforce.client(MortalClient, attempts=1)
    salesforce.faults.add("server_error", match="^(query_more|bulk_results.*locator)", count=1)
    with pytest.raises(Exception, match="503"):
        salesforce.capture(LEADS, client=client, options=options)
    salesforce.advance(hours=3)

    salesforce.capture(LEADS, options=options)

    assert salesforce.value('select count(*) from raw."Lead"') == 13
    assert salesforce.value('select "_is_first_load" from raw."Lead" where "Id" = ?', late) is False


def test_a_deletion_that_is_committed_late_is_seen(salesforce: World) -> None:
    """The log dates it back to where the transaction began."""
    lead = salesforce.edit("create", "Lead", LastName="gone", Company="gone")
    salesforce.capture(LEADS)
    commit_at = (salesforce.clock.now() + timedelta(minutes=20)).isoformat()
    salesforce.edit("hard_delete", "Lead", lead, commit_at=commit_at)
    for _ in range(12):
        salesforce.capture(LEADS)

    assert salesforce.query('select "_is_deleted", "_deleted_how" from raw."Lead"') == [(True, "getDeleted")]


@pytest.mark.parametrize("skew", [timedelta(days=-400), timedelta(hours=9)])
def test_our_own_clock_moves_no_window(salesforce: World, skew: timedelta) -> None:
    salesforce.skew = skew
    first = salesforce.capture(LEADS)
    lead = salesforce.edit("create", "Lead", LastName="a", Company="a")

    second = salesforce.capture(LEADS)

    assert first.until == START + timedelta(minutes=1)
    assert second.captured[0].window_after == first.until - OVERLAP
    assert salesforce.query('select "Id" from raw."Lead"') == [(lead,)]
    assert salesforce.query('select "_captured_at" from raw."Lead"') == [(salesforce.clock.now() + skew,)]


def test_a_run_that_dies_between_two_pieces_leaves_a_cursor_that_is_true(salesforce: World) -> None:
    for number in range(12):
        salesforce.advance(minutes=1)
        salesforce.edit("create", "Lead", LastName=f"{number}", Company=f"{number}")
    salesforce.faults.add("short_pages", rows=5)
    client = salesforce.client(MortalClient)
    client.life = Life(14)  # type: ignore[attr-defined]

    with pytest.raises(Killed):
        salesforce.capture(LEADS, client=client, options=ONE_BY_ONE)

    count = salesforce.value('select count(*) from raw."Lead"')
    assert 0 < count < 12
    newest = salesforce.value('select max("SystemModstamp") from raw."Lead"')
    assert salesforce.value("select max(cursor) from audit.extraction") == newest


def an_increment_of_three_pieces(salesforce: World, *, minutes_apart: float) -> datetime:
    """Fifteen leads since the first load, of which a run has committed five; the bound of that run."""
    salesforce.capture(LEADS)
    salesforce.advance(hours=1)
    for number in range(15):
        salesforce.advance(minutes=minutes_apart)
        salesforce.edit("create", "Lead", LastName=f"{number}", Company=f"{number}")
    salesforce.faults.add("short_pages", match="^query", rows=5)
    salesforce.faults.add("server_error", match="^query_more", count=1)
    with pytest.raises(SalesforceError, match="503"):
        salesforce.capture(LEADS, client=salesforce.client(attempts=1), options=ONE_BY_ONE)
    assert salesforce.value('select count(*) from raw."Lead"') == 5
    return upper_bound(salesforce.clock.now())


def test_an_increment_that_broke_off_goes_on_behind_what_is_committed(salesforce: World) -> None:
    """What lay long behind the clock when it was read needs no overlap; only the second of the cursor comes twice."""
    an_increment_of_three_pieces(salesforce, minutes_apart=30)
    salesforce.advance(hours=3)

    report = salesforce.capture(LEADS, options=ONE_BY_ONE)

    assert sum(row.rows_read for row in report.captured) == 11
    assert salesforce.value('select count(*) from raw."Lead"') == 15


def test_what_was_read_within_the_overlap_before_a_run_broke_off_is_read_again(salesforce: World) -> None:
    """A transaction that was open then may show its rows only now."""
    an_increment_of_three_pieces(salesforce, minutes_apart=0.5)
    salesforce.advance(hours=3)

    report = salesforce.capture(LEADS, options=ONE_BY_ONE)

    assert sum(row.rows_read for row in report.captured) == 15


def test_a_broken_increment_reaches_back_to_what_was_open_when_it_was_read(salesforce: World) -> None:
    salesforce.capture(LEADS)
    salesforce.advance(hours=1)
    late = a_late_lead(salesforce, minutes=40)
    for number in range(15):
        salesforce.advance(minutes=2)
        salesforce.edit("create", "Lead", LastName=f"{number}", Company=f"{number}")
    salesforce.faults.add("short_pages", match="^query", rows=5)
    salesforce.faults.add("server_error", match="^query_more", count=1)
    with pytest.raises(SalesforceError, match="503"):
        salesforce.capture(LEADS, client=salesforce.client(attempts=1), options=ONE_BY_ONE)
    salesforce.advance(hours=3)

    salesforce.capture(LEADS, options=ONE_BY_ONE)

    assert salesforce.query('select "Id" from raw."Lead" where "Id" = ?', late) == [(late,)]


def test_a_record_that_a_broken_window_missed_is_created_and_has_not_appeared(salesforce: World) -> None:
    """The window that goes on is the same one, so it goes by its lower bound."""
    bound = an_increment_of_three_pieces(salesforce, minutes_apart=30)
    salesforce.advance(hours=3)

    report = salesforce.capture(LEADS, options=ONE_BY_ONE)

    first = report.captured[0].window_after
    assert first is not None
    assert first < bound - timedelta(hours=7)
