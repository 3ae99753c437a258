"""Large queries go through bulk jobs and end as the very rows that REST gives."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from impact_pipeline.capture.progress import CapturedObject
from impact_pipeline.capture.run import CaptureOptions
from impact_pipeline.capture.salesforce.bulk import BulkQuery, Fetched
from impact_pipeline.capture.salesforce.errors import IncompletePage, SalesforceError
from impact_pipeline.capture.windows import OVERLAP, upper_bound
from impact_pipeline_tests.capture.world import World

BULK = CaptureOptions(bulk_from_rows=1, poll_seconds=0.01)
WANTED = {"Opportunity": ("Name", "Description", "Amount", "Probability", "IsPrivate", "FiscalYear")}
TEXTS = ["NA", "null", " ", "007", 'say "hi", twice', "a\r\nb\nc", "1.0E7", "a\x00b", "\u202eabc", "😀", "a,b", "\\"]


def stock(salesforce: World) -> None:
    for text in TEXTS:
        salesforce.an_opportunity(Name=ascii(text), Description=text, Amount="12345678.90")
    gone = salesforce.an_opportunity(Name="gone", Amount=None)
    salesforce.edit("delete", "Opportunity", gone)


def rows(salesforce: World) -> list[tuple[Any, ...]]:
    return salesforce.query(
        'select * exclude ("_captured_at", "_version_id", "_fields") from raw."Opportunity" order by "Id"'
    )


def test_a_job_gives_the_same_rows_as_rest(salesforce: World) -> None:
    stock(salesforce)
    by_job = salesforce.capture(WANTED, options=BULK).captured

    assert [captured.method for captured in by_job] == ["bulk"]
    assert {row[1] for row in salesforce.query('select "Name", "Description" from raw."Opportunity"')} >= set(TEXTS)
    assert salesforce.site.jobs == {}
    again = salesforce.capture(WANTED, options=CaptureOptions()).captured
    assert [(captured.method, captured.rows_read, captured.versions_written) for captured in again] == [
        ("rest", len(TEXTS) + 1, 0)
    ]


def test_a_window_of_many_rows_becomes_a_job_that_writes_nothing_twice(salesforce: World) -> None:
    stock(salesforce)
    salesforce.capture(WANTED)
    before = rows(salesforce)

    report = salesforce.capture(WANTED, options=BULK)

    assert [(captured.method, captured.versions_written) for captured in report.captured] == [("bulk", 0)]
    assert rows(salesforce) == before


@pytest.mark.parametrize("fault", ["short_pages", "headerless_pages"])
def test_pages_are_read_with_and_without_their_headers(salesforce: World, fault: str) -> None:
    stock(salesforce)
    salesforce.faults.add("short_pages", match="^bulk_results", rows=5)
    salesforce.faults.add(fault, match="^bulk_results")

    report = salesforce.capture(WANTED, options=BULK)

    assert len(report.captured) >= 3
    assert salesforce.value('select count(*) from raw."Opportunity"') == len(TEXTS) + 1


@pytest.mark.parametrize(
    ("fault", "settings"),
    [
        ("bulk_in_progress", {"count": 3}),
        ("session_dies", {"match": "^bulk_results", "count": 1, "form": "object"}),
        ("truncated_body", {"match": "^bulk_results", "count": 1}),
        ("server_error", {"match": "^bulk_(status|results)", "count": 2}),
    ],
)
def test_a_job_survives_faults_that_pass(salesforce: World, fault: str, settings: dict[str, Any]) -> None:
    stock(salesforce)
    salesforce.faults.add(fault, **settings)

    report = salesforce.capture(WANTED, options=BULK)

    assert [captured.method for captured in report.captured] == ["bulk"]
    assert salesforce.value('select count(*) from raw."Opportunity"') == len(TEXTS) + 1


@pytest.mark.parametrize("fault", ["bulk_failed", "bulk_aborted", "missing_headers"])
def test_rest_takes_over_from_a_job_that_fails(salesforce: World, fault: str) -> None:
    stock(salesforce)
    salesforce.faults.add(fault, **({"match": "^bulk_results"} if fault == "missing_headers" else {}))

    report = salesforce.capture(WANTED, options=BULK)

    assert [captured.method for captured in report.captured] == ["rest"]
    assert salesforce.value('select count(*) from raw."Opportunity"') == len(TEXTS) + 1
    assert salesforce.site.jobs == {}


def test_rest_reads_what_bulk_jobs_do_not_know(salesforce: World) -> None:
    report = salesforce.capture({"OpportunityStage": ()}, options=BULK)

    assert [captured.method for captured in report.captured] == ["rest"]
    assert salesforce.value('select count(*) from raw."OpportunityStage"') > 0


def test_a_query_that_takes_too_long_becomes_a_job(salesforce: World) -> None:
    stock(salesforce)
    salesforce.faults.add("query_timeout", match="^query_all .*ORDER")

    report = salesforce.capture(WANTED, options=CaptureOptions(poll_seconds=0.01))

    assert [captured.method for captured in report.captured] == ["bulk"]


def test_a_job_that_a_killed_run_left_is_found_again_and_read_on_where_that_ended(
    salesforce: World, tmp_path: Path
) -> None:
    stock(salesforce)
    salesforce.faults.add("short_pages", match="^bulk_results", rows=5)
    query = BulkQuery(
        client=salesforce.client(),
        soql="SELECT Id,Name FROM Opportunity",
        columns=("Id", "Name"),
        window=(None, None, None),
        note=tmp_path / "note.json",
        poll_seconds=0.01,
    )
    with closing(query.pages(tmp_path)) as reading:
        first = next(reading)
    fetched = Fetched(job_id=first.job_id, locator=first.locator, rows=first.row_count)

    pages = list(replace(query, fetched=fetched).pages(tmp_path))

    assert salesforce.requests["bulk_create"] == 1
    assert sum(page.row_count for page in pages) == len(TEXTS) + 1 - first.row_count
    query.discard(first.job_id)
    assert salesforce.site.jobs == {}
    assert not query.note.exists()


def test_a_job_is_deleted_once_its_result_is_committed(salesforce: World) -> None:
    stock(salesforce)

    def stop(captured: CapturedObject) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        salesforce.capture(WANTED, options=BULK, on_captured=stop)

    assert salesforce.site.jobs == {}


def test_a_page_that_was_cut_off_without_a_word_commits_nothing_and_is_read_again(salesforce: World) -> None:
    """Its rows are counted against Sforce-NumberOfRecords, whatever Content-Length says."""
    stock(salesforce)
    salesforce.faults.add("truncated_body", match="^bulk_results", count=1, quiet=True)
    with pytest.raises(IncompletePage, match="cut off"):
        salesforce.capture(WANTED, options=BULK)
    assert salesforce.value('select count(*) from raw."Opportunity"') == 0

    salesforce.capture(WANTED, options=BULK)

    assert salesforce.value('select count(*) from raw."Opportunity"') == len(TEXTS) + 1
    assert salesforce.requests["bulk_create"] == 2, (
        "the job of the first load, found again, and that of the next window"
    )
    assert salesforce.site.jobs == {}


def test_a_page_that_lacks_its_last_rows_is_counted(salesforce: World) -> None:
    for number in range(4):
        salesforce.an_opportunity(Name=f"{number}", Description="x" * 1_000 * number)
    salesforce.faults.add("truncated_body", match="^bulk_results", count=1, quiet=True, keep=0.999)

    with pytest.raises(IncompletePage):
        salesforce.capture(WANTED, options=BULK)


def test_the_job_of_an_increment_that_was_killed_is_finished_before_the_next_window(salesforce: World) -> None:
    salesforce.capture(WANTED)
    salesforce.advance(hours=1)
    stock(salesforce)
    salesforce.faults.add("short_pages", match="^bulk_results", rows=5)
    salesforce.faults.add("server_error", match="^bulk_results .*locator", count=1)
    with pytest.raises(SalesforceError, match="503"):
        salesforce.capture(WANTED, options=BULK, client=salesforce.client(attempts=1))
    broken = upper_bound(salesforce.clock.now())
    assert salesforce.value('select count(*) from raw."Opportunity"') == 5
    salesforce.advance(hours=1)
    salesforce.an_opportunity(Name="later")

    report = salesforce.capture(WANTED, options=BULK)

    left = [row for row in report.captured if row.window_until == broken]
    assert [row.rows_read for row in left] == [5, 3], "the page that was committed is not fetched again"
    assert left[-1].cursor == broken
    assert [(row.window_after, row.rows_read) for row in report.captured if row.window_until > broken] == [
        (broken - OVERLAP, 5),
        (broken - OVERLAP, 5),
        (broken - OVERLAP, 4),
    ]
    assert salesforce.value('select count(*) from raw."Opportunity"') == len(TEXTS) + 2
    assert salesforce.site.jobs == {}


@pytest.mark.parametrize("fault", ["reordered_rows", "repeated_rows"])
@pytest.mark.parametrize("is_bulk", [True, False])
def test_pages_that_are_on_their_way_together_may_come_in_disorder(
    salesforce: World, fault: str, is_bulk: bool
) -> None:
    """Each record is there once, with its newest values, and the cursor is true."""
    stock(salesforce)
    salesforce.faults.add("short_pages", match="^(query|bulk_results)", rows=3)
    salesforce.faults.add(fault, match="^(query_more|bulk_results)")

    report = salesforce.capture(WANTED, options=BULK if is_bulk else CaptureOptions(rows_per_piece=4))

    assert salesforce.query('select count(*), count(distinct "Id") from raw."Opportunity_version"') == [
        (len(TEXTS) + 1, len(TEXTS) + 1)
    ]
    assert salesforce.value("select max(cursor) from audit.extraction") == report.until


def test_a_first_load_takes_a_record_that_came_twice_once(salesforce: World) -> None:
    """Rows are appended unseen, so it is looked afterwards whether each of them is the only one of its record."""
    stock(salesforce)
    salesforce.faults.add("short_pages", match="^query", rows=5)
    salesforce.faults.add("repeated_rows", match="^query_more", repeat=2)

    salesforce.capture(WANTED)

    assert salesforce.query('select count(*), count(distinct "Id") from raw."Opportunity_version"') == [
        (len(TEXTS) + 1, len(TEXTS) + 1)
    ]
