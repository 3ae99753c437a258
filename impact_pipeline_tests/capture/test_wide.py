"""Wide objects, long texts and odd values: the same row by REST, by REST in parts of the columns, and by a bulk job."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from impact_pipeline.capture.run import CaptureOptions
from impact_pipeline.capture.staging import RowFile
from impact_pipeline.simulator.salesforce import parse_field
from impact_pipeline_tests.capture.world import World

LONGEST = 131_072
FIELDS = 800
TEXTS = (
    "NA",
    "N/A",
    "#N/A",
    "null",
    "NULL",
    "None",
    "nan",
    "true",
    " ",
    "\t",
    " both ends ",
    "007",
    "1.0E7",
    "+1",
    "=1+1",
    "a\x00b",
    "\x01\x1f\x7f",
    "\ufeffmark",
    "\u202eright to left\u202c",
    "\u2028line\u2029paragraph",
    'say "hi"',
    '"',
    '""',
    "'",
    "a,b;c|d",
    "\\",
    "\\n",
    "\\ud800",
    "a\nb",
    "a\r\nb",
    "a\rb",
    "\n",
    "😀👩\u200d👩\u200d👧",
    "é",
    "e\u0301",
    "𝕏",
    "{}",
    "[1]",
)
WAYS = {
    "rest": CaptureOptions(),
    "parts": CaptureOptions(),
    "bulk": CaptureOptions(bulk_from_rows=1, poll_seconds=0.01),
}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def captured(salesforce: World, way: str, wanted: dict[str, tuple[str, ...]]) -> None:
    """One cycle that reads the object of `wanted` in that way."""
    if way == "parts":
        salesforce.faults.add("wide_query", match="FROM Opportunity", columns=6)
    report = salesforce.capture(wanted, options=WAYS[way])
    assert {row.method for row in report.captured} == {"bulk" if way == "bulk" else "rest"}
    assert any("Id IN (" in request.query for request in salesforce.site.requests) is (way == "parts")


def test_text_comes_through_byte_for_byte(salesforce: World, way: str) -> None:
    for text in TEXTS:
        salesforce.an_opportunity(Name=ascii(text), Description=text)

    captured(salesforce, way, {"Opportunity": ("Name", "Description")})

    kept = dict(salesforce.query('select "Name", "Description" from raw."Opportunity"'))
    assert kept == {ascii(text): text for text in TEXTS}


TYPES: tuple[tuple[dict[str, Any], str, object], ...] = (
    ({"type": "currency", "precision": 18, "scale": 2}, "10000000", Decimal("10000000.00")),
    ({"type": "currency", "precision": 18, "scale": 2}, "-1234567890123456.78", Decimal("-1234567890123456.78")),
    ({"type": "currency", "precision": 18, "scale": 0}, "999999999999999999", Decimal("999999999999999999")),
    ({"type": "double", "precision": 18, "scale": 15}, "0.000000000000001", Decimal("0.000000000000001")),
    ({"type": "percent", "precision": 5, "scale": 2}, "0.05", Decimal("0.05")),
    ({"type": "int", "digits": 9}, "5", 5),
    ({"type": "multipicklist", "length": 255}, "a;b; c", "a;b; c"),
    ({"type": "time"}, "10:00:00.000Z", "10:00:00.000Z"),
    ({"type": "date"}, "1900-02-28", date(1900, 2, 28)),
    ({"type": "datetime"}, "1999-12-31T23:59:59.000Z", datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ({"type": "reference", "referenceTo": "User"}, "005R0000000UyrW", "005R0000000UyrWIAS"),
    ({"type": "boolean"}, "true", True),
    ({"type": "anyType"}, "5.0", "5.0"),
)


def test_each_type_comes_as_what_it_is(salesforce: World, way: str) -> None:
    names = tuple(f"F{number:02}__c" for number in range(len(TYPES)))
    for name, (declared, _, _) in zip(names, TYPES, strict=True):
        salesforce.org.add_field("Opportunity", parse_field(name, declared))
    given = {name: text for name, (_, text, _) in zip(names, TYPES, strict=True)}
    salesforce.an_opportunity(Name="full", **given)
    salesforce.an_opportunity(Name="empty")

    captured(salesforce, way, {"Opportunity": ("Name", *names)})

    empty, full = salesforce.query(f'select {", ".join(names)} from raw."Opportunity" order by "Name"')
    assert full == tuple(kept for _, _, kept in TYPES)
    assert empty == tuple(False if declared["type"] == "boolean" else None for declared, _, _ in TYPES)


def test_whole_numbers_that_a_job_writes_as_decimals_are_whole(salesforce: World) -> None:
    """An int may come as 5.0; a fraction would be an error, never rounded."""
    salesforce.org.add_field("Opportunity", parse_field("Seats__c", {"type": "int", "digits": 9}))
    deal = salesforce.an_opportunity()
    table = salesforce.org.table("Opportunity")
    table.put(table.rows[deal] | {"Seats__c": Decimal("5")})

    captured(salesforce, "bulk", {"Opportunity": ("Seats__c",)})

    assert salesforce.value('select "Seats__c" from raw."Opportunity"') == 5


def test_half_of_a_surrogate_pair_becomes_a_question_mark_and_loses_nothing_else(tmp_path: Path) -> None:
    """It is no text, and no file or table of Unicode can hold it."""
    file = RowFile(tmp_path, ("Id", "Name"))

    file.write([{"Id": "1", "Name": "a\ud800b"}, {"Id": "2", "Name": "c"}])

    assert file.staged().path.read_text("utf-8") == '{"Id": "1", "Name": "a?b"}\n{"Id": "2", "Name": "c"}\n'


@pytest.mark.parametrize("way", ["parts", "bulk"])
def test_an_object_of_800_fields_with_the_longest_texts_is_captured_whole(salesforce: World, way: str) -> None:
    """By REST its query fits no address, so its columns are read in parts."""
    names = tuple(f"A_Field_Of_Eight_Hundred_{number:03}__c" for number in range(FIELDS))
    long, short = {"type": "textarea", "length": LONGEST}, {"type": "string", "length": 80}
    fields = [parse_field(name, short if number % 100 else long) for number, name in enumerate(names)]
    salesforce.org.define(salesforce.org.type_named("Lead").with_fields(fields))
    text = ('Zeile "1",\n\u202eß😀 ' * LONGEST)[:LONGEST]
    given = {name: text if number % 100 == 0 else f"{number}" for number, name in enumerate(names)}
    for _ in range(2):
        salesforce.edit("create", "Lead", LastName="a", Company="a", **given)

    report = salesforce.capture({"Lead": names}, options=WAYS[way])

    assert [row.method for row in report.captured] == ["bulk" if way == "bulk" else "rest"]
    (row, *others) = salesforce.query(f'select {", ".join(names)} from raw."Lead"')
    assert dict(zip(names, row, strict=True)) == given
    assert others == [row]


@pytest.mark.parametrize("way", ["rest", "bulk"])
@pytest.mark.parametrize("count", [5, 6])
def test_a_row_may_be_as_long_as_its_fields_can_be_when_each_character_is_escaped(
    salesforce: World, way: str, count: int
) -> None:
    """With five of the longest texts a row is short enough for a short buffer, with six it isn't."""
    names = tuple(f"Long_{number}__c" for number in range(count))
    for name in names:
        salesforce.org.add_field("Opportunity", parse_field(name, {"type": "textarea", "length": LONGEST}))
    salesforce.an_opportunity(**dict.fromkeys(names, "\x01" * LONGEST))

    captured(salesforce, way, {"Opportunity": ("Name", *names)})

    lengths = ", ".join(f"strlen({name})" for name in names)
    assert salesforce.query(f'select {lengths} from raw."Opportunity"') == [(LONGEST,) * count]


def test_compound_fields_are_left_out_and_their_parts_are_read(salesforce: World) -> None:
    salesforce.edit("create", "Lead", LastName="a", Company="a", City="Rome")

    salesforce.capture({"Lead": ("City", "PostalCode")})

    columns = {row[0] for row in salesforce.query("select column_name from duckdb_columns() where table_name = 'Lead'")}
    assert "Address" not in columns
    assert salesforce.query('select "City" from raw."Lead"') == [("Rome",)]


def test_a_first_line_that_is_no_header_may_be_as_long_as_a_field_can_be(salesforce: World) -> None:
    """A page without a header begins with a row; Salesforce promises none on pages after the first."""
    for number in range(4):
        salesforce.an_opportunity(Name=f"{number}")
    salesforce.org.add_field("Opportunity", parse_field("Long__c", {"type": "textarea", "length": LONGEST}))
    for deal in list(salesforce.org.table("Opportunity").rows):
        salesforce.edit("update", "Opportunity", deal, Long__c='"' * LONGEST)
    salesforce.faults.add("short_pages", match="^bulk_results", rows=2)
    salesforce.faults.add("headerless_pages")

    captured(salesforce, "bulk", {"Opportunity": ("Name", "Long__c")})

    assert salesforce.query('select distinct length("Long__c"), count(*) from raw."Opportunity" group by all') == [
        (LONGEST, 4)
    ]
