"""A sweep compares all Ids. It finds what no stamp and no log has told, and never takes hidden records for deleted."""

from datetime import timedelta

import pytest

from impact_pipeline.capture.progress import CapturedObject
from impact_pipeline.capture.reread import reread_object
from impact_pipeline.capture.run import CaptureOptions
from impact_pipeline.capture.sweep import PLAUSIBLE_COUNT
from impact_pipeline_tests.capture.world import WANTED, World

LEADS = {"Lead": ("Company",)}


def leads(salesforce: World, count: int) -> list[str]:
    made = [salesforce.edit("create", "Lead", LastName=f"{number}", Company=f"{number}") for number in range(count)]
    salesforce.capture(LEADS)
    salesforce.advance(days=1)
    return made


def swept(salesforce: World, **settings: object) -> CapturedObject:
    report = salesforce.capture(LEADS, sweep=("Lead",), **settings)  # type: ignore[arg-type]
    return next(row for row in report.captured if row.purpose == "sweep")


def how(salesforce: World) -> dict[str, tuple[bool, str | None]]:
    """Id → what the marks say, of those that bear one."""
    rows = salesforce.query(
        'select "Id", "_is_deleted", "_deleted_how" from raw."Lead" where "_deleted_how" is not null'
    )
    return {row[0]: row[1:] for row in rows}


@pytest.mark.parametrize("bulk_from_rows", [1, 10_000])
def test_a_record_that_left_no_trace_is_gone_without_proof(salesforce: World, bulk_from_rows: int) -> None:
    first, *_ = leads(salesforce, 3)
    salesforce.edit("hard_delete", "Lead", first)
    salesforce.org.delete_log["Lead"].clear()

    row = swept(salesforce, options=CaptureOptions(bulk_from_rows=bulk_from_rows, poll_seconds=0.01))

    assert (row.ids_missing, row.is_plausible) == (1, True)
    assert how(salesforce) == {first: (False, "sweep")}
    assert salesforce.site.jobs == {}


def test_a_record_that_is_in_the_bin_behind_our_back_is_deleted_by_its_own_word(salesforce: World) -> None:
    first, *_ = leads(salesforce, 2)
    table = salesforce.org.table("Lead")
    table.put(table.rows[first] | {"IsDeleted": True})

    swept(salesforce)

    assert how(salesforce) == {first: (True, "IsDeleted")}


def test_a_lost_permission_is_no_mass_deletion(salesforce: World) -> None:
    """Nothing is marked, nothing is looked up, and the row says so."""
    made = leads(salesforce, PLAUSIBLE_COUNT + 10)
    salesforce.org.share("Lead", 0.0)

    row = swept(salesforce)

    assert (row.ids_missing, row.is_plausible) == (len(made), False)
    assert how(salesforce) == {}
    assert salesforce.query("select count(*) from audit.extraction where purpose = 'proof'") == [(0,)]


def test_records_that_were_hidden_are_as_before_once_they_are_visible_again(salesforce: World) -> None:
    first, *_ = leads(salesforce, 3)
    salesforce.org.unshare(first)
    swept(salesforce)
    assert how(salesforce) == {first: (False, "sweep")}
    salesforce.org._hidden_records.clear()
    salesforce.advance(days=1)

    swept(salesforce)

    assert how(salesforce) == {}
    versions = salesforce.query(
        'select "_deleted_how" from raw."Lead_version" where "Id" = ? order by "_version_id"', first
    )
    assert versions == [(None,), ("sweep",), (None,)]


def test_a_record_that_is_marked_once_is_not_marked_again(salesforce: World) -> None:
    first, *_ = leads(salesforce, 3)
    salesforce.org.unshare(first)
    swept(salesforce)

    assert swept(salesforce).ids_missing == 0

    assert salesforce.value('select count(*) from raw."Lead_version" where "Id" = ?', first) == 2


def test_a_record_that_we_never_saw_is_loaded(salesforce: World) -> None:
    """Its stamp and its creation lie far behind the cursor: sharing has hidden it until now."""
    first = salesforce.edit("create", "Lead", LastName="hidden", Company="hidden")
    salesforce.org.unshare(first)
    leads(salesforce, 2)
    salesforce.org._hidden_records.clear()

    swept(salesforce)

    rows = salesforce.query('select "Id", "_is_first_load" from raw."Lead" where "Company" = ?', "hidden")
    assert rows == [(first, False)]


def test_a_record_that_we_took_for_deleted_and_salesforce_lists_is_looked_up(salesforce: World) -> None:
    first, *_ = leads(salesforce, 2)
    salesforce.edit("delete", "Lead", first)
    salesforce.capture(LEADS)
    assert how(salesforce) == {first: (True, "IsDeleted")}
    salesforce.advance(days=1)
    table = salesforce.org.table("Lead")
    table.put(table.rows[first] | {"IsDeleted": False})

    swept(salesforce)

    assert how(salesforce) == {}


def test_what_is_created_while_the_ids_are_listed_is_not_missing(salesforce: World) -> None:
    leads(salesforce, 2)
    edit = {"op": "create", "sobject": "Lead", "fields": {"LastName": "new", "Company": "new"}}
    salesforce.faults.add("edited_meanwhile", match=r"WHERE CreatedDate < \S+Z( ORDER|$)", edits=[edit], count=1)

    assert swept(salesforce).ids_missing == 0

    assert not salesforce.faults.described(), "nobody edited"


def test_the_log_of_deletions_may_be_asked_again_from_a_plausible_sweep_on(salesforce: World) -> None:
    salesforce.an_opportunity()
    salesforce.capture()
    salesforce.advance(days=30)
    salesforce.org.forget_deletes(salesforce.clock.now() - timedelta(hours=1))

    purposes = [[row.purpose for row in salesforce.capture(WANTED).captured] for _ in range(2)]

    assert purposes == [["window", "sweep"], ["window"]]


@pytest.mark.parametrize(("accepted", "marked"), [(0, 0), (PLAUSIBLE_COUNT + 9, 0), (PLAUSIBLE_COUNT + 10, 1)])
def test_a_mass_deletion_is_believed_once_a_person_names_its_number(
    salesforce: World, accepted: int, marked: int
) -> None:
    """It is still no proof: what the look-up by Id does not find is marked as gone without one."""
    made = leads(salesforce, PLAUSIBLE_COUNT + 12)
    salesforce.capture(LEADS)
    salesforce.org.unshare(*made[:-2])

    report = reread_object(
        salesforce.warehouse,
        salesforce.client(),
        LEADS,
        "Lead",
        sweep=True,
        accept_gone=accepted,
        run_id="run",
        staging=salesforce.staging,
        clock=salesforce.clock.now,
        account_sid="sid",
        campaign_id="4711",
    )

    row = next(row for row in report.captured if row.purpose == "sweep")
    assert (row.ids_missing, row.is_plausible) == (PLAUSIBLE_COUNT + 10, bool(marked))
    assert how(salesforce) == (dict.fromkeys(made[:-2], (False, "sweep")) if marked else {})
