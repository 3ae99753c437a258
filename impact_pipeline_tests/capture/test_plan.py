"""The pure parts: windows, statements, what describe means, and which objects a mapping needs."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impact_pipeline.capture.fields import Description, description
from impact_pipeline.capture.load import salesforce_ids
from impact_pipeline.capture.objects import expected_objects, plan_objects
from impact_pipeline.capture.soql import (
    datetime_literal,
    fits_url,
    groups_of_ids,
    one_of,
    select,
    string_literal,
    within,
)
from impact_pipeline.capture.staging import RowFile, StagingGone, staging_folder
from impact_pipeline.capture.tables import wider_type
from impact_pipeline.capture.windows import Window, next_window, upper_bound
from impact_pipeline.simulator.salesforce.values import full_id

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
moments = st.integers(0, 10**9).map(lambda seconds: NOON + timedelta(seconds=seconds))


@given(moments, st.timedeltas(timedelta(0), timedelta(days=9)), st.timedeltas(timedelta(minutes=1), timedelta(hours=1)))
def test_windows_leave_no_gap(cursor: datetime, later: timedelta, overlap: timedelta) -> None:
    first = next_window(cursor, upper_bound(cursor + later + timedelta(minutes=1)), overlap)
    second = next_window(first.until, first.until + timedelta(hours=1), overlap)

    assert first.after is not None
    assert second.after is not None
    assert first.after <= cursor
    assert second.after < first.until


def test_a_window_is_in_whole_seconds_of_utc() -> None:
    east = timezone(timedelta(hours=5, minutes=30))

    assert upper_bound(datetime(2026, 11, 20, 17, 30, 59, 999_999, tzinfo=east)) == NOON - timedelta(seconds=1)
    with pytest.raises(ValueError, match="whole seconds"):
        Window(after=None, until=NOON.replace(microsecond=1))
    with pytest.raises(ValueError, match="whole seconds"):
        Window(after=None, until=NOON.replace(tzinfo=None))


def test_a_clock_that_ran_back_is_an_error() -> None:
    with pytest.raises(ValueError, match="ran back"):
        next_window(NOON, NOON - timedelta(minutes=10))


def test_a_statement_reads_a_half_open_window_in_the_order_of_the_stamp() -> None:
    window = Window(after=NOON - timedelta(hours=1), until=NOON)

    text = select(
        "Lead", ("Id", "Status"), conditions=within("SystemModstamp", window), order_by=("SystemModstamp", "Id")
    )

    assert text == (
        "SELECT Id,Status FROM Lead WHERE SystemModstamp >= 2026-11-20T11:00:00Z AND "
        "SystemModstamp < 2026-11-20T12:00:00Z ORDER BY SystemModstamp,Id"
    )


@pytest.mark.parametrize("name", ["", "Id FROM User", "Owner.Name", "1st", "Na-me", "Id\n"])
def test_what_is_no_name_gets_into_no_statement(name: str) -> None:
    with pytest.raises(ValueError, match="API name"):
        select("Lead", ("Id", name))


def test_literals_are_escaped() -> None:
    assert string_literal("O'Brien \\ Co") == "'O\\'Brien \\\\ Co'"
    assert one_of("Id", ["a", "b"]) == "Id IN ('a','b')"
    assert datetime_literal(NOON) == "2026-11-20T12:00:00Z"
    with pytest.raises(ValueError, match="time zone"):
        datetime_literal(NOON.replace(tzinfo=None))


def test_groups_of_ids_fill_an_address_and_no_more() -> None:
    ids = {f"006am{number:013d}" for number in range(1_001)}
    host = "https://acme.my.salesforce.com"

    def asked(group: list[str]) -> str:
        return select("Lead", ("Id", "Name", "SystemModstamp"), conditions=(one_of("Id", group),))

    groups = groups_of_ids(ids, asked([]), host)

    assert [value for group in groups for value in group] == sorted(ids)
    assert len(groups) == 2
    assert fits_url(asked(groups[0]), host)
    assert not fits_url(asked([*groups[0], *groups[1][:2]]), host)
    assert not fits_url(select("Lead", ["Some_Custom_Field__c"] * 800), host)


def test_what_is_too_wide_for_an_address_is_still_asked_for_by_some_ids() -> None:
    wide = select("Lead", ["Some_Custom_Field__c"] * 800)

    assert [len(group) for group in groups_of_ids(map(str, range(250)), wide, "https://a.b")] == [100, 100, 50]


def a_field(name: str, kind: str = "string", **given: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "length": 0, "precision": 0, "scale": 0, "calculated": False, **given}


def a_reference(name: str, relationship: str, *targets: str) -> dict[str, Any]:
    return a_field(name, "reference", referenceTo=list(targets), relationshipName=relationship)


def an_object(name: str, *fields: dict[str, Any]) -> Description:
    stamps = [a_field("Id", "id"), a_field("CreatedDate", "datetime"), a_field("SystemModstamp", "datetime")]
    return description({"name": name, "replicateable": True, "fields": [*stamps, *fields]})


@pytest.mark.parametrize(
    ("given", "column"),
    [
        (a_field("F", "currency", precision=18, scale=2), "DECIMAL(18,2)"),
        (a_field("F", "percent", precision=3, scale=0), "DECIMAL(18,0)"),
        (a_field("F", "double", precision=18, scale=15), "DECIMAL(18,15)"),
        (a_field("F", "int", digits=8), "BIGINT"),
        (a_field("F", "boolean"), "BOOLEAN"),
        (a_field("F", "date"), "DATE"),
        (a_field("F", "datetime"), "TIMESTAMP WITH TIME ZONE"),
        (a_field("F", "multipicklist"), "VARCHAR"),
        (a_field("F", "reference"), "VARCHAR"),
        (a_field("F", "something new"), "VARCHAR"),
    ],
)
def test_each_type_has_its_column(given: dict[str, Any], column: str) -> None:
    assert an_object("X", given).fields["F"].duckdb_type == column


@pytest.mark.parametrize("kind", ["address", "location", "base64", "json"])
def test_what_bulk_jobs_cannot_read_is_left_out(kind: str) -> None:
    assert "F" not in an_object("X", a_field("F", kind)).fields


@pytest.mark.parametrize(
    ("existing", "described", "wider"),
    [
        ("DECIMAL(18,2)", "DECIMAL(38,4)", "DECIMAL(38,4)"),
        ("DECIMAL(18,4)", "DECIMAL(20,2)", "DECIMAL(22,4)"),
        ("BIGINT", "DECIMAL(18,2)", "DECIMAL(21,2)"),
        ("DECIMAL(18,4)", "DECIMAL(38,2)", "VARCHAR"),
        ("DATE", "VARCHAR", "VARCHAR"),
        ("VARCHAR", "DATE", "VARCHAR"),
        ("DATE", "TIMESTAMP WITH TIME ZONE", "VARCHAR"),
        ("BOOLEAN", "BOOLEAN", "BOOLEAN"),
    ],
)
def test_a_column_is_only_ever_widened(existing: str, described: str, wider: str) -> None:
    assert wider_type(existing, described) == wider


ORG = {
    about.name: about
    for about in (
        an_object(
            "Opportunity",
            a_field("StageName", "picklist"),
            a_reference("AccountId", "Account", "Account"),
            a_reference("OwnerId", "Owner", "Group", "User"),
            a_reference("WhatId", "What", "Lead", "Contact"),
            a_reference("Tier__c", "Tier__r", "Tier_Of_Partner__c"),
        ),
        an_object("Account", a_field("Name"), a_reference("ParentId", "Parent", "Account")),
        an_object("User", a_field("Name")),
        an_object("Tier_Of_Partner__c", a_field("Level__c")),
        an_object("LeadHistory", a_field("LeadId"), a_field("Field"), a_field("OldValue"), a_field("NewValue")),
    )
}


def test_paths_are_followed_and_parents_are_captured_themselves() -> None:
    plans = plan_objects(
        {"Opportunity": ("stagename", "Account.Parent.Name", "Owner.Name", "Tier__r.Level__c")}, ORG.__getitem__
    )

    names = {name: set(plan.field_names) - {"Id", "CreatedDate", "SystemModstamp"} for name, plan in plans.items()}
    assert names == {
        "Opportunity": {"StageName", "AccountId", "OwnerId", "Tier__c"},
        "Account": {"ParentId", "Name"},
        "User": {"Name"},
        "Tier_Of_Partner__c": {"Level__c"},
    }
    assert plans["Opportunity"].field_names[0] == "Id"
    assert all(plan.missing == () for plan in plans.values())


@pytest.mark.parametrize("path", ["Nope__c", "Nope__r.Name", "Account.Nope__c", "StageName.Name", "What.Name"])
def test_a_path_that_ends_nowhere_is_missing_where_it_starts(path: str) -> None:
    assert plan_objects({"Opportunity": (path,)}, ORG.__getitem__)["Opportunity"].missing == (path,)


def test_a_history_is_captured_with_all_that_it_tells() -> None:
    plan = plan_objects({"LeadHistory": ()}, ORG.__getitem__)["LeadHistory"]

    assert set(plan.field_names) >= {"LeadId", "Field", "OldValue", "NewValue"}


def test_the_objects_that_a_mapping_needs_are_known_without_asking_salesforce() -> None:
    wanted = {"Opportunity": ("Owner.Name", "Account.Parent.Name", "Foo__r.Owner.Name"), "LeadStatus": ()}

    assert expected_objects(wanted) == ["Account", "Foo__c", "LeadStatus", "Opportunity", "User"]


@settings(max_examples=3, deadline=None)
@given(st.lists(st.text("ABCxyz019", min_size=15, max_size=15), max_size=60))
def test_an_id_of_15_characters_gets_the_three_that_belong_to_it(short: list[str]) -> None:
    full = [full_id(record_id) for record_id in short]

    with duckdb.connect() as con:
        assert salesforce_ids(con, short + full) == full + full


def test_the_published_example_of_an_id_is_met() -> None:
    with duckdb.connect() as con:
        assert salesforce_ids(con, ["005R0000000UyrW"]) == ["005R0000000UyrWIAS"]


def test_staged_files_are_their_owners_alone(tmp_path: Path) -> None:
    with staging_folder(tmp_path / "staging", "capture") as folder:
        file = RowFile(folder, ("Id",))
        file.write([{"Id": "1"}])
        staged = file.staged()

        assert folder.stat().st_mode & 0o777 == 0o700
        assert staged.path.stat().st_mode & 0o777 == 0o600
    assert not folder.exists()


def test_a_run_whose_files_another_one_removed_says_so(tmp_path: Path) -> None:
    """Its lease had run out; the other run took it for dead."""

    def is_slow() -> None:
        with staging_folder(tmp_path / "staging", "capture") as folder:
            staged = RowFile(folder, ("Id",)).staged()
            with staging_folder(tmp_path / "staging", "capture"):
                staged.path.read_text("utf-8")

    with pytest.raises(StagingGone, match="another run is in the lane 'capture' now"):
        is_slow()


def test_a_missing_file_elsewhere_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), staging_folder(tmp_path / "staging", "capture"):
        (tmp_path / "none").read_text("utf-8")
