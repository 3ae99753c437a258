"""What Salesforce finds too long is cut in two by the stamp; what it finds too wide is read in parts of its columns."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from impact_pipeline.capture.progress import CapturedObject
from impact_pipeline.capture.run import CaptureOptions
from impact_pipeline.capture.salesforce.errors import BulkFailed, LocatorLost
from impact_pipeline.simulator.salesforce import parse_field
from impact_pipeline_tests.capture.world import World

LEADS = {"Lead": ("Company", "City", "Description")}
BULK = CaptureOptions(bulk_from_rows=1, poll_seconds=0.01, gather_seconds=0.0)
REST = CaptureOptions(gather_seconds=0.0)
Wide = tuple[World, dict[str, tuple[str, ...]]]


def hourly(salesforce: World, count: int) -> list[str]:
    """Leads that were created an hour apart."""
    made = []
    for number in range(count):
        made.append(salesforce.edit("create", "Lead", LastName=f"{number}", Company=f"{number}", City="Rome"))
        salesforce.advance(hours=1)
    return made


def ids(salesforce: World) -> list[str]:
    return [row[0] for row in salesforce.query('select "Id" from raw."Lead" order by 1')]


def cursors(rows: list[CapturedObject]) -> list[datetime]:
    return [row.cursor for row in rows]


@pytest.mark.parametrize(("options", "fault"), [(REST, "long_query"), (BULK, "long_bulk_query")])
def test_a_window_that_is_too_long_is_cut_until_its_parts_are_answered(
    salesforce: World, options: CaptureOptions, fault: str
) -> None:
    salesforce.capture(LEADS)
    made = hourly(salesforce, 8)
    salesforce.faults.add(fault, match="^bulk_create" if fault == "long_bulk_query" else "FROM Lead", seconds=3 * 3600)

    report = salesforce.capture(LEADS, options=options)

    assert ids(salesforce) == sorted(made)
    assert cursors(list(report.captured)) == sorted(cursors(list(report.captured)))
    assert len(report.captured) >= 3
    assert report.captured[-1].cursor == report.until
    assert salesforce.site.jobs == {}
    assert not list(salesforce.staging.glob("bulk-*"))


def test_each_part_of_a_cut_window_moves_the_cursor_no_further_than_it_was_read(salesforce: World) -> None:
    """So a cycle that breaks off between two parts leaves out nothing."""
    salesforce.capture(LEADS)
    made = hourly(salesforce, 8)
    salesforce.faults.add("long_query", match="FROM Lead", seconds=3 * 3600)

    def stop(captured: CapturedObject) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        salesforce.capture(LEADS, options=REST, on_captured=stop)

    cursor = salesforce.value("select max(cursor) from audit.extraction")
    stamps = {str(row["Id"]): str(row["SystemModstamp"]) for row in salesforce.org.table("Lead")}
    behind = [lead for lead in made if datetime.fromisoformat(f"{stamps[lead]}+00:00") < cursor]
    assert ids(salesforce) == sorted(behind)
    assert 0 < len(behind) < len(made)
    salesforce.capture(LEADS, options=REST)
    assert ids(salesforce) == sorted(made)


def test_a_first_load_that_is_too_long_for_one_job_is_cut(salesforce: World) -> None:
    made = hourly(salesforce, 9)

    report = salesforce.capture(LEADS, options=CaptureOptions(**{**vars(BULK), "rows_per_job": 3}))

    assert ids(salesforce) == sorted(made)
    assert all(row.rows_read <= 4 for row in report.captured)
    assert salesforce.value('select count(*) from raw."Lead_version"') == 9
    assert report.captured[-1].cursor == report.until


def test_what_bears_one_stamp_cannot_be_cut_and_goes_by_the_other_way(salesforce: World) -> None:
    made = [salesforce.edit("create", "Lead", LastName=f"{number}", Company="one") for number in range(5)]
    salesforce.faults.add("query_timeout", match="ORDER BY")

    report = salesforce.capture(LEADS, options=BULK)

    assert [row.method for row in report.captured] == ["bulk"]
    assert ids(salesforce) == sorted(made)


def test_a_query_that_neither_way_answers_is_an_error(salesforce: World) -> None:
    salesforce.edit("create", "Lead", LastName="a", Company="one")
    salesforce.faults.add("query_timeout", match="ORDER BY")
    salesforce.faults.add("bulk_failed")

    with pytest.raises(BulkFailed):
        salesforce.capture(LEADS, options=REST)

    assert salesforce.site.jobs == {}


@pytest.fixture
def wide(salesforce: World) -> Wide:
    """Leads with 400 fields more: too long for an address."""
    names = [f"A_Field_With_A_Rather_Long_Name_{number:03}__c" for number in range(400)]
    fields = [parse_field(name, {"type": "string", "length": 80}) for name in names]
    salesforce.org.define(salesforce.org.type_named("Lead").with_fields(fields))
    return salesforce, {"Lead": tuple(names)}


def a_wide_lead(salesforce: World, names: tuple[str, ...], **fields: Any) -> str:
    given = {name: f"{number}" for number, name in enumerate(names)}
    return salesforce.edit("create", "Lead", LastName="a", Company="a", **{**given, **fields})


def columns_of(salesforce: World, names: tuple[str, ...]) -> list[tuple[Any, ...]]:
    return salesforce.query(f'select {", ".join(names)} from raw."Lead" order by "Id"')


def test_a_row_that_is_too_wide_for_an_address_is_read_in_parts(wide: Wide) -> None:
    salesforce, wanted = wide
    for _ in range(3):
        a_wide_lead(salesforce, wanted["Lead"])

    report = salesforce.capture(wanted, options=REST)

    assert [row.method for row in report.captured] == ["rest"]
    assert columns_of(salesforce, wanted["Lead"]) == [tuple(str(number) for number in range(400))] * 3
    assert "bulk_create" not in salesforce.requests


def test_many_wide_rows_go_by_a_job_that_takes_the_query_in_its_body(
    wide: Wide, monkeypatch: pytest.MonkeyPatch
) -> None:
    salesforce, wanted = wide
    monkeypatch.setattr("impact_pipeline.capture.reading.CHUNKED_ROWS", 2)
    for _ in range(3):
        a_wide_lead(salesforce, wanted["Lead"])

    report = salesforce.capture(wanted, options=CaptureOptions(poll_seconds=0.01))

    assert [row.method for row in report.captured] == ["bulk"]
    assert columns_of(salesforce, wanted["Lead"]) == [tuple(str(number) for number in range(400))] * 3


def test_wide_rows_that_jobs_do_not_take_are_read_in_parts(wide: Wide, monkeypatch: pytest.MonkeyPatch) -> None:
    salesforce, wanted = wide
    monkeypatch.setattr("impact_pipeline.capture.reading.CHUNKED_ROWS", 2)
    for _ in range(3):
        a_wide_lead(salesforce, wanted["Lead"])
    salesforce.faults.add("bulk_refused")

    report = salesforce.capture(wanted, options=REST)

    assert [row.method for row in report.captured] == ["rest"]
    assert len(columns_of(salesforce, wanted["Lead"])) == 3


def test_a_record_that_is_edited_between_two_parts_is_read_again(
    wide: Wide,
) -> None:
    """Else its row would be half old, half new, and no stamp would ever tell."""
    salesforce, wanted = wide
    names = wanted["Lead"]
    lead = a_wide_lead(salesforce, names)
    salesforce.advance(minutes=2)
    edit = {"op": "update", "sobject": "Lead", "id": lead, "fields": {names[0]: "new", names[-1]: "new"}}
    salesforce.faults.add("edited_meanwhile", match=f"^query_all .*{names[-1]}", count=1, edits=[edit])

    salesforce.capture(wanted, options=REST, settle=False)

    (row,) = columns_of(salesforce, names)
    assert (row[0], row[-1]) == ("new", "new")


def test_records_that_are_edited_faster_than_they_are_read_stop_the_window(
    wide: Wide,
) -> None:
    salesforce, wanted = wide
    names = wanted["Lead"]
    lead = a_wide_lead(salesforce, names)
    salesforce.advance(minutes=2)
    began = salesforce.clock.now()
    moments = iter(range(1, 1000))
    asked = f"^query_all .*{names[-1]}"
    for number in range(100):
        at = (began + timedelta(seconds=next(moments))).isoformat()
        edit = {"op": "update", "sobject": "Lead", "id": lead, "at": at, "fields": {names[0]: f"{number}"}}
        salesforce.faults.add("edited_meanwhile", match=asked, skip=number, count=1, edits=[edit])
    salesforce.advance(minutes=2)

    with pytest.raises(LocatorLost, match="edited while their columns are read"):
        salesforce.capture(wanted, options=REST, settle=False)


@pytest.mark.parametrize("bulk", ["", "bulk_refused"])
def test_a_query_with_too_many_columns_is_read_in_parts(salesforce: World, bulk: str) -> None:
    """Salesforce says QUERY_TOO_COMPLICATED; nothing tells before where that begins."""
    made = hourly(salesforce, 3)
    salesforce.faults.add("wide_query", columns=5)
    if bulk:
        salesforce.faults.add(bulk)

    report = salesforce.capture(LEADS, options=BULK if bulk else REST)

    assert [row.method for row in report.captured] == ["rest"]
    assert ids(salesforce) == sorted(made)
    assert salesforce.query('select distinct "City" from raw."Lead"') == [("Rome",)]


def test_records_that_are_looked_up_by_id_are_read_in_parts_as_well(salesforce: World) -> None:
    """A log of deletions names them; one is restored, with a stamp that no window reads."""
    first, second = hourly(salesforce, 2)
    salesforce.capture(LEADS)
    salesforce.advance(days=1)
    for lead in (first, second):
        salesforce.edit("delete", "Lead", lead)
    table = salesforce.org.table("Lead")
    table.remove(first)
    table.put(table.rows[second] | {"IsDeleted": False, "SystemModstamp": "2026-11-20T13:00:00.000"})
    salesforce.faults.add("wide_query", columns=5)
    salesforce.advance(minutes=5)

    salesforce.capture(LEADS, options=REST)

    rows = salesforce.query('select "Id", "_is_deleted" from raw."Lead" order by 1')
    assert rows == sorted([(first, True), (second, False)])
