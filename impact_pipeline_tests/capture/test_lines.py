"""The lines of an opportunity are one set: what it no longer names is looked up, and its amount is their sum."""

from decimal import Decimal
from typing import Any

import pytest

from impact_pipeline.capture.salesforce.errors import SalesforceError
from impact_pipeline.simulator.salesforce.values import moment_text
from impact_pipeline_tests.capture.world import OTHER_BOOK, STANDARD_BOOK, WITH_LINES, World


def a_deal(salesforce: World, *lines: str) -> tuple[str, list[str]]:
    """An opportunity with a line for each unit price, captured."""
    deal = salesforce.an_opportunity(Pricebook2Id=STANDARD_BOOK)
    made = [salesforce.a_line(deal, UnitPrice=price) for price in lines]
    salesforce.capture(WITH_LINES)
    salesforce.advance(minutes=5)
    return deal, made


def living(salesforce: World) -> list[str]:
    rows = salesforce.query('select "Id" from raw."OpportunityLineItem" where not "_is_deleted" order by 1')
    return [row[0] for row in rows]


def deleted(salesforce: World) -> list[tuple[str, str]]:
    return salesforce.query('select "Id", "_deleted_how" from raw."OpportunityLineItem" where "_is_deleted" order by 1')


def amounts(salesforce: World) -> tuple[Decimal, Decimal]:
    """The opportunity's, and the sum of its living lines."""
    return (
        salesforce.value('select "Amount" from raw."Opportunity"'),
        salesforce.value('select sum("TotalPrice") from raw."OpportunityLineItem" where not "_is_deleted"'),
    )


def vanish(salesforce: World, line: str) -> dict[str, Any]:
    """A line goes without a trace: in no bin, in no log, and no stamp moves."""
    return salesforce.org.table("OpportunityLineItem").remove(line)


def test_lines_that_are_made_anew_with_other_ids_in_one_second_replace_the_old_ones(salesforce: World) -> None:
    """As a synchronised quote does it."""
    deal, old = a_deal(salesforce, "10.00", "20.00")
    for line in old:
        salesforce.edit("delete", "OpportunityLineItem", line)
    new = [salesforce.a_line(deal, UnitPrice=price) for price in ("10.00", "25.00")]

    salesforce.capture(WITH_LINES)

    assert living(salesforce) == sorted(new)
    assert deleted(salesforce) == [(line, "getDeleted") for line in sorted(old)]
    assert amounts(salesforce) == (Decimal("35.00"), Decimal("35.00"))


@pytest.mark.parametrize(("lacking", "sobject"), [("TotalPrice", "OpportunityLineItem"), ("Amount", "Opportunity")])
def test_lines_are_read_also_where_nothing_says_that_they_add_up(salesforce: World, lacking: str, sobject: str) -> None:
    """A mapping that takes amounts of the brand's own reads no sums of Salesforce."""
    wanted = WITH_LINES | {sobject: tuple(name for name in WITH_LINES[sobject] if name != lacking)}
    deal = salesforce.an_opportunity(Pricebook2Id=STANDARD_BOOK)
    old = salesforce.a_line(deal, UnitPrice="10.00")
    salesforce.capture(wanted)
    salesforce.advance(minutes=5)
    salesforce.edit("delete", "OpportunityLineItem", old)
    new = salesforce.a_line(deal, UnitPrice="20.00")

    salesforce.capture(wanted)

    assert living(salesforce) == [new]


def test_a_line_that_no_log_tells_of_is_gone_once_its_opportunity_changes(salesforce: World) -> None:
    kept, gone = a_deal(salesforce, "10.00", "20.00")[1]
    vanish(salesforce, gone)
    salesforce.edit("update", "OpportunityLineItem", kept, Quantity="2")

    salesforce.capture(WITH_LINES)

    assert living(salesforce) == [kept]
    assert deleted(salesforce) == [(gone, "set")]
    assert amounts(salesforce) == (Decimal("20.00"), Decimal("20.00"))


def test_a_deleted_line_is_gone_also_where_the_opportunitys_stamp_does_not_move(salesforce: World) -> None:
    deal, (_, gone) = a_deal(salesforce, "10.00", "20.00")
    stamp = salesforce.value('select "SystemModstamp" from raw."Opportunity"')
    vanish(salesforce, gone)
    salesforce.org.log_delete("OpportunityLineItem", gone, moment_text(salesforce.clock.now()))
    opportunities = salesforce.org.table("Opportunity")
    opportunities.put(opportunities.rows[deal] | {"Amount": Decimal("10.00")})

    salesforce.capture(WITH_LINES)

    assert deleted(salesforce) == [(gone, "getDeleted")]
    assert amounts(salesforce) == (Decimal("10.00"), Decimal("10.00")), "the opportunity was read again by its Id"
    assert salesforce.value('select "SystemModstamp" from raw."Opportunity"') == stamp


def test_a_changed_price_book_deletes_the_lines(salesforce: World) -> None:
    deal, _ = a_deal(salesforce, "10.00", "20.00")
    salesforce.edit("update", "Opportunity", deal, Pricebook2Id=OTHER_BOOK)

    salesforce.capture(WITH_LINES)

    assert living(salesforce) == []
    assert salesforce.query('select "Amount", "HasOpportunityLineItem" from raw."Opportunity"') == [(Decimal(0), False)]


def test_the_sets_that_a_run_did_not_come_to_are_read_by_the_next(salesforce: World) -> None:
    """The windows are committed, so nothing of them comes again."""
    deal, (kept, gone) = a_deal(salesforce, "10.00", "20.00")
    vanish(salesforce, gone)
    salesforce.edit("update", "Opportunity", deal, Name="renamed")
    salesforce.faults.add("server_error", match="OpportunityLineItem WHERE OpportunityId", count=1)
    with pytest.raises(SalesforceError, match="503"):
        salesforce.capture(WITH_LINES, client=salesforce.client(attempts=1))
    assert salesforce.value('select "Name" from raw."Opportunity"') == "renamed"
    assert living(salesforce) == sorted([kept, gone])
    salesforce.advance(hours=2)

    salesforce.capture(WITH_LINES)

    assert deleted(salesforce) == [(gone, "set")]
    assert salesforce.query("select * from raw._line_set") == []


def test_a_set_that_a_window_has_brought_whole_is_not_asked_for_again(salesforce: World) -> None:
    _, lines = a_deal(salesforce, "10.00", "20.00")
    for line in lines:
        salesforce.edit("update", "OpportunityLineItem", line, Quantity="2")

    report = salesforce.capture(WITH_LINES)

    assert {row.purpose for row in report.captured} == {"window"}
    assert amounts(salesforce) == (Decimal("60.00"), Decimal("60.00"))
    assert salesforce.query("select * from raw._line_set") == []


def test_a_set_is_asked_for_where_one_line_did_not_come_with_the_window(salesforce: World) -> None:
    _, (changed, _) = a_deal(salesforce, "10.00", "20.00")
    salesforce.edit("update", "OpportunityLineItem", changed, Quantity="2")

    report = salesforce.capture(WITH_LINES)

    assert [(row.object, row.rows_read) for row in report.captured if row.purpose == "lines"] == [
        ("OpportunityLineItem", 2)
    ]


def test_a_record_without_lines_asks_for_none(salesforce: World) -> None:
    salesforce.capture(WITH_LINES)
    salesforce.an_opportunity()

    report = salesforce.capture(WITH_LINES)

    assert {row.purpose for row in report.captured} == {"window"}


def test_lines_that_are_hidden_are_not_taken_for_deleted(salesforce: World) -> None:
    """The opportunity says that it has lines, and not one of them is visible."""
    deal, lines = a_deal(salesforce, "10.00", "20.00")
    salesforce.org.unshare(*lines)
    salesforce.edit("update", "Opportunity", deal, Name="renamed")

    report = salesforce.capture(WITH_LINES)

    assert living(salesforce) == sorted(lines)
    assert {row.versions_written for row in report.of("OpportunityLineItem")} == {0}


def test_an_edit_between_reading_the_record_and_its_lines_is_mended_by_reading_both_again(salesforce: World) -> None:
    deal, (line,) = a_deal(salesforce, "10.00")
    salesforce.edit("update", "Opportunity", deal, Name="renamed")
    salesforce.advance(minutes=2)
    edit = {"op": "update", "sobject": "OpportunityLineItem", "id": line, "fields": {"Quantity": 3}}
    salesforce.faults.add("edited_meanwhile", match="OpportunityLineItem WHERE OpportunityId", count=1, edits=[edit])

    report = salesforce.capture(WITH_LINES, settle=False)

    assert amounts(salesforce) == (Decimal("30.00"), Decimal("30.00"))
    assert [row.purpose for row in report.of("Opportunity")] == ["window", "records"]
    assert {row.sums_differ for row in report.captured} == {None}


def test_a_difference_that_reading_again_does_not_mend_is_counted(salesforce: World) -> None:
    """Salesforce's own totals may be off: nothing is changed, and the check of the asset tells it."""
    deal, (line,) = a_deal(salesforce, "10.00")
    lines = salesforce.org.table("OpportunityLineItem")
    lines.put(lines.rows[line] | {"TotalPrice": Decimal("11.00")})
    salesforce.edit("update", "Opportunity", deal, Name="renamed")

    report = salesforce.capture(WITH_LINES)

    assert [row.sums_differ for row in report.captured if row.sums_differ is not None] == [1]
    assert amounts(salesforce) == (Decimal("10.00"), Decimal("11.00"))


def test_the_first_load_mends_what_was_edited_while_it_ran(salesforce: World) -> None:
    deal = salesforce.an_opportunity(Pricebook2Id=STANDARD_BOOK)
    line = salesforce.a_line(deal)
    salesforce.advance(minutes=2)
    edit = {"op": "update", "sobject": "OpportunityLineItem", "id": line, "fields": {"Quantity": 2}}
    salesforce.faults.add("edited_meanwhile", match="^query_all .*FROM OpportunityLineItem", count=1, edits=[edit])

    salesforce.capture(WITH_LINES, settle=False)

    assert amounts(salesforce) == (Decimal("20.00"), Decimal("20.00"))


@pytest.mark.parametrize("asked", ["^query_all .*Opportunity WHERE C", "^query_all .*LineItem WHERE C", "^deleted "])
def test_an_edit_at_any_moment_of_a_cycle_is_in_raw_after_the_next(salesforce: World, asked: str) -> None:
    deal, (line,) = a_deal(salesforce, "10.00")
    salesforce.advance(minutes=2)
    edits = [
        {"op": "delete", "sobject": "OpportunityLineItem", "id": line},
        {"op": "create", "sobject": "OpportunityLineItem", "fields": {"OpportunityId": deal, "Quantity": 1}},
    ]
    salesforce.faults.add("edited_meanwhile", match=asked, count=1, edits=edits)
    salesforce.capture(WITH_LINES, settle=False)
    assert not salesforce.faults.described(), "nobody edited"
    salesforce.advance(minutes=5)

    salesforce.capture(WITH_LINES)

    assert living(salesforce) == list(salesforce.org.table("OpportunityLineItem").rows)
    assert [gone for gone, _ in deleted(salesforce)] == [line]
