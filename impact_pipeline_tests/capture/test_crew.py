"""Several readers and one writer, and how many requests run at once."""

import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass

import pytest

from impact_pipeline.capture.crew import Crew
from impact_pipeline.capture.run import CaptureOptions
from impact_pipeline.capture.salesforce.errors import Busy, NoPermission, UnreadableValue
from impact_pipeline.capture.salesforce.slots import MOST, Slots
from impact_pipeline_tests.capture.world import World

WANTED = {"Lead": ("Company",), "Opportunity": ("Name",), "Contact": ("LastName",), "Account": ("Name",)}


@dataclass(frozen=True)
class Thing:
    job: str
    number: int
    row_count: int = 1
    byte_count: int = 1


def a_job(name: str, count: int) -> Callable[[], Generator[Thing]]:
    def things() -> Generator[Thing]:
        for number in range(count):
            yield Thing(name, number)

    return things


def test_the_pieces_of_each_job_are_committed_in_their_order() -> None:
    committed: list[Thing] = []

    Crew(readers=3, gather_seconds=0.0).work([a_job(name, 20) for name in "abcde"], committed.extend)

    assert len(committed) == 100
    for name in "abcde":
        assert [thing.number for thing in committed if thing.job == name] == list(range(20))


def test_pieces_that_come_within_a_moment_are_committed_together() -> None:
    commits: list[int] = []

    Crew(readers=2, gather_seconds=5.0).work(
        [a_job("a", 3), a_job("b", 3)], lambda gathered: commits.append(len(gathered))
    )

    assert commits == [6]


def test_what_came_before_an_error_is_committed_and_the_others_stop() -> None:
    committed: list[Thing] = []
    began, ended = threading.Event(), threading.Event()

    def fails() -> Generator[Thing]:
        yield from a_job("a", 3)()
        assert began.wait(10)
        raise ValueError("wrong")

    def others() -> Generator[Thing]:
        number = 0
        began.set()
        try:
            while True:
                yield Thing("others", number)
                number += 1
        finally:
            ended.set()

    with pytest.raises(ValueError, match="wrong"):
        Crew(readers=2, gather_seconds=0.0).work([fails, others], committed.extend)

    assert [thing.number for thing in committed if thing.job == "a"] == [0, 1, 2]
    assert ended.is_set()


def test_a_commit_that_fails_stops_all_readers() -> None:
    def fail(gathered: list[Thing]) -> None:
        raise ValueError("no room")

    with pytest.raises(ValueError, match="no room"):
        Crew(readers=2, gather_seconds=0.0).work([a_job("a", 500), a_job("b", 500)], fail)

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("capture")]


def test_slots_are_halved_when_there_are_too_many_requests_and_grow_again_with_answers() -> None:
    slots = Slots()
    slots.too_many()
    slots.too_many()
    assert slots.allowed == MOST // 4

    for _ in range(1_000):
        slots.answered()

    assert slots.allowed == MOST
    for _ in range(10):
        slots.too_many()
    assert slots.allowed == 1


def test_no_more_requests_run_at_once_than_there_are_slots() -> None:
    slots, at_once, most = Slots(most=2), [0], [0]
    guard, turn = threading.Lock(), threading.Barrier(2, timeout=10)

    def ask() -> None:
        with slots.one():
            with guard:
                at_once[0] += 1
                most[0] = max(most[0], at_once[0])
            turn.wait()
            with guard:
                at_once[0] -= 1

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most == [2]


def test_a_client_asks_less_at_once_after_a_concurrent_limit(salesforce: World) -> None:
    client = salesforce.client()
    salesforce.faults.add("concurrent_limit", match="^query", count=2)

    salesforce.capture(WANTED, client=client)

    assert client._slots.allowed <= MOST // 2
    assert salesforce.value("select count(distinct object) from audit.extraction") == len(WANTED)


def test_a_session_that_dies_under_many_readers_is_renewed_once(salesforce: World) -> None:
    client = salesforce.client()
    salesforce.capture(WANTED, client=client)
    salesforce.site.sessions.kill_all()

    salesforce.capture(WANTED, client=client)

    assert salesforce.requests["token"] == 2


def test_an_object_that_fails_keeps_what_the_others_committed(salesforce: World) -> None:
    for number in range(5):
        salesforce.edit("create", "Lead", LastName=f"{number}", Company=f"{number}")
        salesforce.advance(minutes=1)
    salesforce.faults.add("short_pages", match="^query", rows=2)
    salesforce.faults.add("forbidden", match="^query_more", skip=1, count=1)
    options = CaptureOptions(rows_per_piece=2, gather_seconds=0.0)

    with pytest.raises(NoPermission):
        salesforce.capture(WANTED, options=options)

    assert salesforce.value('select count(*) from raw."Lead"') == 4
    assert not list(salesforce.staging.iterdir())
    salesforce.capture(WANTED, options=options)
    assert salesforce.value('select count(*) from raw."Lead"') == 5


def test_a_bulk_job_outlives_an_error_beside_it(salesforce: World) -> None:
    """Its note survives the staged files, so the next run does not ask anew."""
    lead = salesforce.edit("create", "Lead", LastName="a", Company="a")
    salesforce.faults.add("server_error", match="^bulk_results")
    options = CaptureOptions(bulk_from_rows=1, poll_seconds=0.01)
    with pytest.raises(Busy):
        salesforce.capture({"Lead": ("Company",)}, options=options)
    assert [path.name for path in salesforce.staging.iterdir()] == ["bulk-Lead.json"]
    salesforce.faults.clear()

    salesforce.capture({"Lead": ("Company",)}, options=options)

    assert salesforce.requests["bulk_create"] == 2, "one for the first load, one for the window after it"
    assert salesforce.query('select "Id" from raw."Lead"') == [(lead,)]
    assert not list(salesforce.staging.iterdir())
    assert salesforce.site.jobs == {}


def test_a_job_that_the_next_run_does_not_need_is_deleted(salesforce: World) -> None:
    salesforce.edit("create", "Lead", LastName="a", Company="a")
    salesforce.faults.add("server_error", match="^bulk_results")
    with pytest.raises(Busy):
        salesforce.capture({"Lead": ()}, options=CaptureOptions(bulk_from_rows=1, poll_seconds=0.01))
    salesforce.faults.clear()

    salesforce.capture({"Lead": ()})

    assert salesforce.site.jobs == {}
    assert not list(salesforce.staging.iterdir())


def test_a_value_that_cannot_be_read_stops_nobody_for_good(salesforce: World) -> None:
    deal = salesforce.an_opportunity()
    table = salesforce.org.table("Opportunity")
    table.put(table.rows[deal] | {"CloseDate": "soon"})
    wanted = {"Opportunity": ("CloseDate",), "Lead": ("Company",)}
    with pytest.raises(UnreadableValue):
        salesforce.capture(wanted)
    table.put(table.rows[deal] | {"CloseDate": "2026-12-24"})

    salesforce.capture(wanted)

    assert salesforce.value('select "CloseDate"::varchar from raw."Opportunity"') == "2026-12-24"
