"""Large queries go through bulk jobs and end as the very rows that REST gives."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from impact_pipeline.capture.progress import CapturedObject
from impact_pipeline.capture.run import CaptureOptions
from impact_pipeline.capture.salesforce.bulk import BulkQuery, Fetched
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
        window=(None, None),
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
