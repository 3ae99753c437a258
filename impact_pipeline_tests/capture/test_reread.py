"""A person has a stretch read again, beside the live cycle."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from impact_pipeline.capture.committing import Overtaken
from impact_pipeline.capture.progress import CapturedObject
from impact_pipeline.capture.reread import NothingToReread, RereadReport, reread_object
from impact_pipeline.capture.run import CaptureOptions
from impact_pipeline.capture.salesforce.errors import Busy
from impact_pipeline.changes.compare import WatchedObject, find_changes
from impact_pipeline_tests.capture.test_health import LINES, finding
from impact_pipeline_tests.capture.world import START, WANTED, WITH_LINES, Wanted, World

SMALL = CaptureOptions(rows_per_reread=10)


def reread(world: World, name: str = "Opportunity", *, wanted: Wanted = WANTED, **about: Any) -> RereadReport:
    about = {"run_id": f"run {uuid4()}", **about}
    return reread_object(
        world.warehouse,
        world.client(),
        wanted,
        name,
        **{"options": SMALL, **about},
        staging=world.staging,
        clock=world.clock.now,
        account_sid="sid",
        campaign_id="4711",
    )


def changes(world: World, name: str = "Opportunity") -> list[tuple[Any, ...]]:
    """What the next cycle makes of it."""
    with world.warehouse.transaction() as con:
        find_changes(con, [WatchedObject(name=name)], cycle_id="later", now=world.clock.now())
    return world.query("select Id, kind, fields from changes.change where cycle_id = 'later' order by change_id")


def settled(world: World, *, count: int = 30) -> list[str]:
    """Records of half an hour, captured and compared, an hour ago."""
    ids = []
    for number in range(count):
        ids.append(world.an_opportunity(Name=str(number)))
        world.advance(minutes=1)
    world.capture(WITH_LINES)
    changes(world)
    with world.warehouse.transaction() as con:
        con.execute("update changes.change set cycle_id = 'before'")
    world.advance(hours=1)
    world.capture(WITH_LINES)
    return ids


def secretly(world: World, record_id: str, **fields: Any) -> None:
    """A change that moves no stamp, as a formula's."""
    table = world.org.table("Opportunity")
    table.put(table.rows[record_id] | fields)


def parts(world: World, purpose: str = "reread") -> list[tuple[Any, ...]]:
    return world.query(
        "select window_after, window_until, rows_read, versions_written from audit.extraction "
        "where purpose = ? order by extraction_id",
        purpose,
    )


def at(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


def test_what_no_stamp_told_is_found_and_becomes_an_ordinary_difference(salesforce: World) -> None:
    ids = settled(salesforce)
    secretly(salesforce, ids[3], Description="a formula's new value")

    report = reread(salesforce)

    assert sum(row.versions_written for row in report.captured) == 1
    assert changes(salesforce) == [(ids[3], "updated", ["Description"])]
    assert report.went_on_at is None


def test_the_stretch_is_committed_in_parts_that_leave_no_gap(salesforce: World) -> None:
    settled(salesforce)

    reread(salesforce, after=at(5), until=at(25))

    (whole, *read) = parts(salesforce)
    assert whole[:2] == (at(5), at(25))
    assert (read[0][0], read[-1][1]) == (at(5), at(25))
    assert [part[1] for part in read[:-1]] == [part[0] for part in read[1:]]
    assert [part[2] for part in read] == [10, 10]
    assert len(parts(salesforce, "reread_end")) == 1


def test_a_record_that_was_never_seen_has_appeared(salesforce: World) -> None:
    """It was created before the windows that the cycle has still to read, so nobody can take it for a creation."""
    ids = settled(salesforce)
    with salesforce.warehouse.transaction() as con:
        con.execute('delete from raw."Opportunity" where "Id" = ?', [ids[7]])

    reread(salesforce)

    assert changes(salesforce) == [(ids[7], "appeared", [])]


def test_what_the_next_window_reads_anyhow_is_left_to_it(salesforce: World) -> None:
    """A record that is committed late is a creation when the cycle finds it; found here it would only have appeared."""
    settled(salesforce)
    salesforce.advance(minutes=30)
    salesforce.capture(WITH_LINES)
    late = salesforce.an_opportunity(Name="late")

    report = reread(salesforce)
    salesforce.capture(WITH_LINES)

    cursor = salesforce.value("select max(cursor) from audit.extraction where cycle_id < ?", "r")
    assert report.until <= cursor - timedelta(minutes=10)
    assert changes(salesforce) == [(late, "created", [])]


def test_no_cursor_moves_and_each_row_tells_the_cycles_own(salesforce: World) -> None:
    settled(salesforce)
    before = salesforce.value("select max(cursor) from audit.extraction where object = 'Opportunity'")

    reread(salesforce, after=at(5))

    assert salesforce.query("select distinct cursor from audit.extraction where purpose like 'reread%'") == [(before,)]
    assert finding(salesforce, "cursor_is_honest").passed
    assert finding(salesforce, "fields_there").passed


class Stop(Exception):
    """Stands for a process that is killed."""


def stopping_after(count: int) -> Callable[[CapturedObject], None]:
    seen: list[CapturedObject] = []

    def stop(captured: CapturedObject) -> None:
        seen.append(captured)
        if len(seen) == count:
            raise Stop

    return stop


def test_the_same_call_goes_on_where_it_was_stopped(salesforce: World) -> None:
    ids = settled(salesforce)
    secretly(salesforce, ids[0], Description="early")
    secretly(salesforce, ids[29], Description="late")
    with pytest.raises(Stop):
        reread(salesforce, on_captured=stopping_after(1))
    committed = parts(salesforce)[-1][1]
    salesforce.advance(minutes=5)

    report = reread(salesforce)

    assert report.went_on_at == committed
    assert min(row.window_after for row in report.captured if row.window_after) == committed
    assert {row.rows_read for row in report.captured} == {10}
    assert [change[0] for change in changes(salesforce)] == [ids[0], ids[29]]
    assert reread(salesforce).went_on_at is None, "it has ended, so the next one is another"


@pytest.mark.parametrize("about", [{"after": at(2)}, {"until": at(20)}, {}])
def test_another_stretch_or_another_day_begins_anew(salesforce: World, about: dict[str, Any]) -> None:
    settled(salesforce)
    with pytest.raises(Stop):
        reread(salesforce, on_captured=stopping_after(1))
    if not about:
        salesforce.advance(hours=25)

    assert reread(salesforce, **about).went_on_at is None


def test_files_and_jobs_of_a_reread_that_was_killed_are_removed(salesforce: World) -> None:
    """The rows of a job are as old as the job: the cycle may have learned more since."""
    settled(salesforce)
    bulk = replace(SMALL, bulk_from_rows=5, poll_seconds=0.01)
    salesforce.faults.add("server_error", match="^bulk_results", count=20)
    with pytest.raises(Busy, match="503"):
        reread(salesforce, options=bulk)
    left = salesforce.staging / "reread-killed"
    left.mkdir()
    (left / "page.ndjson").write_text("{}")
    salesforce.faults.clear()

    reread(salesforce, options=bulk)

    assert list(salesforce.staging.iterdir()) == []
    assert salesforce.value("select count(*) from audit.extraction where purpose = 'reread' and method = 'bulk'") == 3


def test_the_live_cycle_runs_between_the_parts(salesforce: World) -> None:
    ids = settled(salesforce)
    secretly(salesforce, ids[29], Description="found by the reread")

    def cycle(captured: CapturedObject) -> None:
        if captured.purpose == "reread" and captured.rows_read:
            salesforce.edit("update", "Opportunity", ids[15], Name=f"edited {captured.window_until}")
            salesforce.capture(WITH_LINES)

    reread(salesforce, on_captured=cycle)

    assert salesforce.value('select "Name" from raw."Opportunity" where "Id" = ?', ids[15]).startswith("edited")
    assert {(change[0], change[1]) for change in changes(salesforce)} == {(ids[15], "updated"), (ids[29], "updated")}
    assert finding(salesforce, "cursor_is_honest").passed
    assert salesforce.value("select count(*) from outbox.lease where run_id is not null") == 0


def test_a_deletion_that_is_proven_meanwhile_is_not_undone(salesforce: World) -> None:
    """What is proven by the log of deletions keeps its stamp, and nothing would tell the deletion once more."""
    ids = settled(salesforce)
    client = salesforce.client()
    original = client.query_pages
    done: list[str] = []

    def while_reading(soql: str, **about: Any) -> Any:
        pages = list(original(soql, **about))
        if "ORDER BY" in soql and not done:
            done.append(soql)
            salesforce.edit("delete", "Opportunity", ids[2])
            salesforce.edit("hard_delete", "Opportunity", ids[2])
            salesforce.advance(minutes=3)
            salesforce.capture(WITH_LINES)
        return iter(pages)

    client.query_pages = while_reading  # type: ignore[method-assign]
    reread_object(
        salesforce.warehouse,
        client,
        WANTED,
        "Opportunity",
        options=SMALL,
        run_id="run",
        staging=salesforce.staging,
        clock=salesforce.clock.now,
        account_sid="sid",
        campaign_id="4711",
    )

    assert done
    assert salesforce.query('select "_is_deleted", "_deleted_how" from raw."Opportunity" where "Id" = ?', ids[2]) == [
        (True, "getDeleted")
    ]


def test_a_reread_that_is_overtaken_for_ever_says_so(salesforce: World) -> None:
    ids = settled(salesforce)
    client = salesforce.client()
    original = client.query_pages

    def while_reading(soql: str, **about: Any) -> Any:
        pages = list(original(soql, **about))
        if "ORDER BY" in soql:
            secretly(salesforce, ids[2], Description=f"{len(parts(salesforce, 'full'))}")
            salesforce.capture(WITH_LINES, reread=("Opportunity",))
        return iter(pages)

    client.query_pages = while_reading  # type: ignore[method-assign]
    with pytest.raises(Overtaken, match="1 records of Opportunity got newer versions"):
        reread_object(
            salesforce.warehouse,
            client,
            WANTED,
            "Opportunity",
            options=SMALL,
            run_id="run",
            staging=salesforce.staging,
            clock=salesforce.clock.now,
            account_sid="sid",
            campaign_id="4711",
        )


def test_the_lines_of_what_it_changed_are_read_as_well(salesforce: World) -> None:
    ids = settled(salesforce)
    salesforce.a_line(ids[3])
    salesforce.capture(WITH_LINES)
    salesforce.advance(hours=1)
    salesforce.capture(WITH_LINES)
    secretly(salesforce, ids[3], Description="changed")

    report = reread(salesforce, wanted=WITH_LINES, lines=LINES)

    assert "OpportunityLineItem" in {row.object for row in report.captured if row.purpose == "lines"}


def test_a_sweep_finds_what_is_no_longer_there(salesforce: World) -> None:
    ids = settled(salesforce)
    salesforce.org.unshare(ids[4])

    report = reread(salesforce, sweep=True)

    assert [row.ids_missing for row in report.captured if row.purpose == "sweep"] == [1]
    assert salesforce.query('select "Id" from raw."Opportunity" where "_deleted_how" = \'sweep\'') == [(ids[4],)]


def test_the_cost_is_two_requests_beside_setup_and_pages(salesforce: World) -> None:
    settled(salesforce)
    before = salesforce.site.requests_of_the_day()

    report = reread(salesforce, after=at(0))

    spent = salesforce.site.requests_of_the_day() - before
    assert spent == 7, "organization, describe, count, bounds, three pages"
    assert sum(row.api_calls for row in report.captured) == spent + 1, "the list of versions is not counted by the org"


@pytest.mark.parametrize(
    ("name", "about", "said"),
    [
        ("Lead", {}, "Lead is not captured. These are: Opportunity."),
        ("Opportunity", {"after": at(600)}, "Nothing of Opportunity lies from"),
    ],
)
def test_what_can_not_be_read_again_is_refused(salesforce: World, name: str, about: dict[str, Any], said: str) -> None:
    settled(salesforce)

    with pytest.raises(NothingToReread, match=said):
        reread(salesforce, name, **about)


def test_a_first_load_has_to_end_first(salesforce: World) -> None:
    with pytest.raises(NothingToReread, match="impact-pipeline run"):
        reread(salesforce)
