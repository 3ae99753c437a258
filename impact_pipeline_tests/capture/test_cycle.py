"""What a capture cycle leaves in raw.* and audit.extraction."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from impact_pipeline.capture.progress import CapturedObject
from impact_pipeline.capture.run import CaptureOptions
from impact_pipeline.capture.salesforce.errors import QuotaReached, UnknownObject, UnreadableValue
from impact_pipeline.simulator.salesforce import parse_field
from impact_pipeline_tests.capture.world import START, WANTED, WITH_LINES, World


def test_the_first_load_is_a_baseline_of_all_records(salesforce: World) -> None:
    first, second = salesforce.an_opportunity(Name="A"), salesforce.an_opportunity(Name="B")

    salesforce.capture()

    rows = salesforce.query('select "Id", "Name", "_is_deleted" from raw."Opportunity" order by 2')
    assert rows == [(first, "A", False), (second, "B", False)]
    assert salesforce.query('select distinct "_is_first_load" from raw."Opportunity_version"') == [(True,)]


def test_a_record_created_after_the_bound_of_the_first_load_is_no_baseline(salesforce: World) -> None:
    salesforce.an_opportunity(Name="old")
    salesforce.advance(minutes=2)
    salesforce.an_opportunity(Name="new")
    salesforce.capture(settle=False)
    salesforce.capture()

    rows = salesforce.query('select "Name", "_is_first_load" from raw."Opportunity_version" order by "_version_id"')
    assert rows == [("old", True), ("new", False)]


def test_a_second_cycle_without_edits_writes_nothing_but_its_windows(salesforce: World) -> None:
    salesforce.an_opportunity()
    salesforce.capture()
    before = contents(salesforce)

    salesforce.capture(settle=False)
    salesforce.capture()

    assert contents(salesforce) == before
    assert salesforce.value("select sum(versions_written) from audit.extraction where not is_first_load") == 0


def test_each_edit_becomes_a_version_that_names_the_one_before(salesforce: World) -> None:
    deal = salesforce.an_opportunity(Name="first")
    salesforce.capture()
    for name in ("second", "third"):
        salesforce.edit("update", "Opportunity", deal, Name=name)
        salesforce.capture()

    rows = salesforce.query(
        'select "Name", "_version_id", "_previous_version_id", "_is_first_load" '
        'from raw."Opportunity_version" order by "_version_id"'
    )
    assert [row[0] for row in rows] == ["first", "second", "third"]
    assert [row[2] for row in rows] == [None, rows[0][1], rows[1][1]]
    assert [row[3] for row in rows] == [True, False, False]
    assert salesforce.query('select "Name", "_version_id" from raw."Opportunity"') == [("third", rows[2][1])]


def test_all_objects_of_a_cycle_end_at_one_bound_behind_salesforces_clock(salesforce: World) -> None:
    report = salesforce.capture(WITH_LINES)

    assert report.until == salesforce.clock.now() - timedelta(minutes=1)
    assert report.cycle_id == "2026-11-20T12:01:00Z"
    assert {captured.window_until for captured in report.captured} == {report.until}
    assert {captured.object for captured in report.captured} == set(WITH_LINES)


def test_a_row_that_is_committed_late_is_read_by_the_overlap(salesforce: World) -> None:
    """Its stamp lies behind a cursor that was already committed."""
    salesforce.capture()
    late = salesforce.an_opportunity(Name="late", commit_at=(salesforce.clock.now() + timedelta(minutes=9)).isoformat())
    salesforce.capture()
    assert salesforce.query('select * from raw."Opportunity"') == []

    salesforce.advance(minutes=7)
    salesforce.capture(settle=False)

    assert salesforce.query('select "Id" from raw."Opportunity"') == [(late,)]


def test_many_records_of_one_second_are_all_read_across_pieces(salesforce: World) -> None:
    ids = {salesforce.an_opportunity(Name=str(number)) for number in range(60)}
    salesforce.faults.add("short_pages", rows=7)

    report = salesforce.capture({"Opportunity": ()}, options=CaptureOptions(rows_per_piece=20))

    assert {row[0] for row in salesforce.query('select "Id" from raw."Opportunity"')} == ids
    assert len(report.captured) == 3


def test_a_record_in_the_recycle_bin_is_marked_and_comes_back_when_it_is_restored(salesforce: World) -> None:
    deal = salesforce.an_opportunity()
    salesforce.capture()
    salesforce.edit("delete", "Opportunity", deal)
    salesforce.capture()
    assert salesforce.query('select "_is_deleted", "_deleted_how" from raw."Opportunity"') == [(True, "IsDeleted")]

    salesforce.edit("undelete", "Opportunity", deal)
    salesforce.capture()

    assert salesforce.query('select "_is_deleted", "_deleted_how" from raw."Opportunity"') == [(False, None)]


def test_a_record_that_is_gone_for_good_is_marked_because_the_log_of_deletions_says_so(salesforce: World) -> None:
    deal, other = salesforce.an_opportunity(Name="gone"), salesforce.an_opportunity(Name="stays")
    salesforce.capture()
    salesforce.edit("delete", "Opportunity", deal)
    salesforce.edit("hard_delete", "Opportunity", deal)
    salesforce.advance(minutes=3)

    report = salesforce.capture()

    rows = salesforce.query('select "Id", "Name", "_is_deleted", "_deleted_how" from raw."Opportunity" order by "Name"')
    assert rows == [(deal, "gone", True, "getDeleted"), (other, "stays", False, None)]
    assert report.of("Opportunity")[-1].deletes_seen == 1
    assert salesforce.capture().of("Opportunity")[-1].deletes_seen == 0


def test_a_log_of_deletions_that_is_too_short_is_made_up_for_by_a_sweep_that_guesses_nothing(salesforce: World) -> None:
    deal = salesforce.an_opportunity()
    salesforce.capture()
    salesforce.edit("delete", "Opportunity", deal)
    salesforce.org.empty_recycle_bin()
    salesforce.advance(days=30)
    salesforce.org.forget_deletes(salesforce.clock.now() - timedelta(days=1))

    report = salesforce.capture()

    assert [(c.purpose, c.ids_missing) for c in report.of("Opportunity")] == [
        ("window", None),
        ("sweep", 1),
        ("proof", None),
    ]
    assert salesforce.query('select "_is_deleted", "_deleted_how" from raw."Opportunity"') == [(False, "sweep")]
    assert [captured.purpose for captured in salesforce.capture().of("Opportunity")] == ["window"]


def test_a_vanished_field_is_reported_and_keeps_its_last_value(salesforce: World) -> None:
    deal = salesforce.an_opportunity(Description="kept")
    salesforce.capture()
    salesforce.org.hide("Opportunity.Description")
    salesforce.edit("update", "Opportunity", deal, Name="renamed")

    report = salesforce.capture()

    assert report.of("Opportunity")[-1].fields_missing == ("Description",)
    assert salesforce.query('select "Name", "Description" from raw."Opportunity"') == [("renamed", "kept")]
    assert "Description" not in captured_fields(salesforce, "Opportunity")
    assert salesforce.value("select missing_since from raw._field where field = 'Description'") == report.until


def test_a_field_that_is_back_is_read_in_full(salesforce: World) -> None:
    """What changed while it was hidden may not have moved any stamp."""
    deal = salesforce.an_opportunity(Description="before")
    salesforce.capture()
    salesforce.org.hide("Opportunity.Description")
    salesforce.edit("update", "Opportunity", deal, Description="after")
    salesforce.capture()
    salesforce.advance(days=1)
    salesforce.org.show("Opportunity.Description")

    report = salesforce.capture()

    assert [(c.purpose, c.fields_added) for c in report.of("Opportunity")] == [
        ("window", ()),
        ("full", ("Description",)),
    ]
    assert salesforce.query('select "Description" from raw."Opportunity"') == [("after",)]
    assert salesforce.value("select missing_since from raw._field where field = 'Description'") is None
    assert [captured.purpose for captured in salesforce.capture().of("Opportunity")] == ["window"]


def test_a_new_field_is_read_in_full_once_and_old_versions_say_that_they_lacked_it(salesforce: World) -> None:
    salesforce.an_opportunity()
    salesforce.capture()
    salesforce.advance(days=1)
    salesforce.org.add_field("Opportunity", parse_field("Tier__c", {"type": "string", "length": 20}), default="A")
    wanted = {**WANTED, "Opportunity": (*WANTED["Opportunity"], "Tier__c")}

    report = salesforce.capture(wanted)

    assert report.of("Opportunity")[-1].purpose == "full"
    assert report.of("Opportunity")[-1].fields_added == ("Tier__c",)
    rows = salesforce.query(
        'select "Tier__c", list_contains(fields, \'Tier__c\') from raw."Opportunity_version" '
        'join raw._field_set on field_set_id = "_fields" order by "_version_id"'
    )
    assert rows == [(None, False), ("A", True)]
    assert [captured.purpose for captured in salesforce.capture(wanted).of("Opportunity")] == ["window"]


def test_a_field_that_was_out_of_the_config_for_a_while_is_read_in_full(salesforce: World) -> None:
    deal = salesforce.an_opportunity(Description="before")
    salesforce.capture()
    salesforce.edit("update", "Opportunity", deal, Description="after")
    salesforce.capture({"Opportunity": ("Name",)})
    salesforce.advance(days=1)

    report = salesforce.capture()

    assert "Description" in report.captured[-1].fields_added
    assert salesforce.query('select "Description" from raw."Opportunity"') == [("after",)]


def test_an_object_is_read_in_full_when_asked(salesforce: World) -> None:
    """A formula changes without moving the stamp."""
    deal = salesforce.an_opportunity(Description="before")
    salesforce.advance(hours=1)
    salesforce.capture()
    table = salesforce.org.table("Opportunity")
    table.put(table.rows[deal] | {"Description": "after"})

    report = salesforce.capture(reread=("Opportunity",))

    assert [(c.purpose, c.versions_written) for c in report.captured] == [("window", 0), ("full", 1)]
    assert salesforce.query('select "Description" from raw."Opportunity"') == [("after",)]


def test_only_what_a_filter_lets_through_is_captured(salesforce: World) -> None:
    salesforce.an_opportunity(Name="ours", Type="New Business")
    salesforce.an_opportunity(Name="theirs", Type="Internal")

    salesforce.capture(filters={"Opportunity": "Type != 'Internal'"})

    assert salesforce.query('select "Name" from raw."Opportunity"') == [("ours",)]


def test_a_field_whose_type_changes_to_text_keeps_old_values_and_takes_new_ones(salesforce: World) -> None:
    salesforce.org.add_field("Opportunity", parse_field("Seats__c", {"type": "double", "precision": 10, "scale": 0}))
    wanted = {"Opportunity": ("Seats__c",)}
    deal = salesforce.an_opportunity(Seats__c="12")
    salesforce.capture(wanted)
    salesforce.org.remove_field("Opportunity", "Seats__c")
    salesforce.org.add_field("Opportunity", parse_field("Seats__c", {"type": "string", "length": 20}))
    salesforce.edit("update", "Opportunity", deal, Seats__c="a dozen")

    salesforce.capture(wanted)

    rows = salesforce.query('select "Seats__c" from raw."Opportunity_version" order by "_version_id"')
    assert rows == [("12",), ("a dozen",)]


ONE_BY_ONE = CaptureOptions(readers=1, gather_seconds=0.0)


class Stop(Exception):
    """Stands for a process that is killed."""


def test_a_cycle_that_is_killed_between_objects_goes_on_where_it_was(salesforce: World) -> None:
    salesforce.an_opportunity(Name="old")

    def stop(captured: CapturedObject) -> None:
        raise Stop

    with pytest.raises(Stop):
        salesforce.capture(WITH_LINES, on_captured=stop, options=ONE_BY_ONE)
    assert salesforce.query('select count(*) from raw."Opportunity"') == [(1,)]
    salesforce.an_opportunity(Name="created in between")

    report = salesforce.capture(WITH_LINES)

    first = salesforce.query('select "Name", "_is_first_load" from raw."Opportunity_version" order by "_version_id"')
    assert first == [("old", True), ("created in between", False)]
    windows = [row.is_first_load for row in report.of("OpportunityLineItem") if row.purpose == "window"]
    assert windows == [True, False], "its first load still ends where it would have ended"
    assert not list(salesforce.staging.iterdir())


def test_a_first_load_that_is_killed_between_pieces_does_not_read_again_what_is_committed(salesforce: World) -> None:
    for number in range(60):
        salesforce.an_opportunity(Name=str(number))
        salesforce.advance(seconds=1)
    salesforce.faults.add("short_pages", rows=10)
    options = replace(ONE_BY_ONE, rows_per_piece=20)
    seen: list[CapturedObject] = []

    def stop(captured: CapturedObject) -> None:
        seen.append(captured)
        if len(seen) == 2:
            raise Stop

    with pytest.raises(Stop):
        salesforce.capture({"Opportunity": ("Name",)}, options=options, on_captured=stop)
    report = salesforce.capture({"Opportunity": ("Name",)}, options=options)

    assert report.captured[0].rows_read <= 21
    assert salesforce.query('select count(*), count(distinct "Id") from raw."Opportunity_version"') == [(60, 60)]
    assert salesforce.query('select count(*) from raw."Opportunity_version" where not "_is_first_load"') == [(0,)]


def test_files_that_a_killed_run_left_are_removed(salesforce: World) -> None:
    left = salesforce.staging / "capture-dead"
    left.mkdir(parents=True)
    (left / "page.ndjson").write_text("{}")

    salesforce.capture()

    assert list(salesforce.staging.iterdir()) == []


@pytest.mark.parametrize(
    ("asked", "is_held"),
    [
        ({}, [False]),
        ({"sweep": ("Opportunity",)}, [True, False]),
        ({"reread": ("Opportunity",)}, [True, True]),
        ({"options": CaptureOptions(bulk_from_rows=1, poll_seconds=0.01)}, [True]),
    ],
)
def test_the_last_rows_give_the_lane_back_unless_a_job_is_still_to_be_deleted(
    salesforce: World, asked: dict[str, Any], is_held: list[bool]
) -> None:
    """Opening the file for that alone was a fifth of a cycle without news."""
    deal = salesforce.an_opportunity()
    salesforce.capture()
    salesforce.edit("update", "Opportunity", deal, Name="edited")
    seen = []

    def look(captured: CapturedObject) -> None:
        seen.append(salesforce.value("select run_id is not null from outbox.lease where lane = 'capture'"))

    salesforce.capture(on_captured=look, **asked)

    assert seen == is_held
    assert salesforce.query("select run_id from outbox.lease where lane = 'capture'") == [(None,)]


def test_a_lane_is_held_until_the_lines_of_what_changed_are_read(salesforce: World) -> None:
    deal = salesforce.an_opportunity()
    salesforce.a_line(deal, PricebookEntryId=salesforce.a_price())
    salesforce.capture(WITH_LINES)
    salesforce.edit("update", "Opportunity", deal, Name="edited")
    seen = []

    def look(captured: CapturedObject) -> None:
        held = salesforce.value("select run_id is not null from outbox.lease where lane = 'capture'")
        seen.append((captured.purpose, held))

    salesforce.capture(WITH_LINES, on_captured=look)

    assert seen == [("window", True), ("window", True), ("lines", True)]


def test_an_object_that_is_hidden_stops_the_cycle_unless_it_is_optional(salesforce: World) -> None:
    wanted = {**WANTED, "LeadHistory": ("Field",)}

    with pytest.raises(UnknownObject, match="LeadHistory"):
        salesforce.capture(wanted)

    assert salesforce.capture(wanted, optional=("LeadHistory",)).absent == ("LeadHistory",)


def test_a_value_that_is_not_of_its_type_stops_the_window_and_names_the_field(salesforce: World) -> None:
    deal = salesforce.an_opportunity()
    table = salesforce.org.table("Opportunity")
    table.put(table.rows[deal] | {"CloseDate": "soon"})

    with pytest.raises(UnreadableValue, match=r"Opportunity\.CloseDate: 1 value"):
        salesforce.capture()

    assert salesforce.query('select count(*) from raw."Opportunity"') == [(0,)]


def test_a_day_without_requests_left_stops_the_cycle_and_loses_nothing(salesforce: World) -> None:
    salesforce.an_opportunity()
    salesforce.capture()
    salesforce.an_opportunity()
    salesforce.faults.add("daily_limit", match="^query_all", count=1)

    with pytest.raises(QuotaReached) as stopped:
        salesforce.capture()

    assert str(stopped.value).startswith("Stopped by quota, nothing is lost. ")
    assert str(stopped.value).endswith("The next run goes on at 2026-11-20T12:01:00Z (Opportunity).")
    salesforce.capture()
    assert salesforce.value('select count(*) from raw."Opportunity"') == 2


def test_a_share_that_is_spent_at_the_first_load_says_what_is_still_to_be_loaded(salesforce: World) -> None:
    salesforce.an_opportunity()
    salesforce.faults.add("daily_limit", match="^query_all")

    with pytest.raises(QuotaReached, match=r"The next run goes on with the first load of Opportunity\.$"):
        salesforce.capture()


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("dead_locator", {"count": 1}),
        ("repeated_rows", {"repeat": 3, "count": 3}),
        ("reordered_rows", {"count": 2}),
        ("lost_next_link", {"count": 1}),
        ("session_dies", {"match": "^query_more", "count": 1}),
        ("session_dies", {"match": "^query_more", "count": 1, "form": "object"}),
        ("server_error", {"match": "^query_more", "count": 2}),
        ("gateway_page", {"match": "^query_more", "count": 2}),
        ("concurrent_limit", {"match": "^query_more", "count": 2}),
    ],
)
def test_no_row_is_lost_to_a_fault_between_pages(salesforce: World, name: str, settings: dict[str, Any]) -> None:
    ids = {salesforce.an_opportunity(Name=str(number)) for number in range(30)}
    salesforce.faults.add("short_pages", rows=7)
    salesforce.faults.add(name, **settings)

    salesforce.capture({"Opportunity": ("Name",)}, options=CaptureOptions(rows_per_piece=10))

    assert {row[0] for row in salesforce.query('select "Id" from raw."Opportunity"')} == ids
    assert salesforce.value('select count(*) from raw."Opportunity_version"') == 30


def test_each_window_says_what_it_cost_and_what_is_left(salesforce: World) -> None:
    salesforce.an_opportunity()

    report = salesforce.capture()

    assert sum(captured.api_calls for captured in report.captured) == salesforce.site.requests_of_the_day() + 1
    last = report.captured[-1]
    assert last.quota_used is not None
    assert last.quota_max == 115_000
    assert last.started_at >= START
    assert last.finished_at.tzinfo is not None


def captured_fields(world: World, name: str) -> list[str]:
    fields: list[str] = world.value(f'select fields from raw._field_set join raw."{name}" on field_set_id = "_fields"')
    return fields


def contents(world: World) -> dict[str, Any]:
    """Rows and a hash of every table but the two that tell of runs."""
    with world.warehouse.reading() as con:
        names = con.execute(
            "select schema_name, table_name from duckdb_tables() "
            "where table_name not in ('extraction', 'lease', 'lease_stub')"
        ).fetchall()
        return {
            f"{schema}.{name}": con.execute(
                f'select count(*), bit_xor(hash(t)) from "{schema}"."{name}" as t'
            ).fetchone()
            for schema, name in names
        }
