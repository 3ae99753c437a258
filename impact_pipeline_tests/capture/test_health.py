"""What the asset checks of a capture say, and when."""

import pytest

from impact_pipeline.capture.health import Finding, findings
from impact_pipeline.simulator.salesforce.values import Value, moment_text
from impact_pipeline_tests.capture.world import START, WITH_LINES, World

LINES = {"Opportunity": ("OpportunityLineItem", "OpportunityId")}


def finding(world: World, check: str, name: str = "Opportunity") -> Finding:
    with world.warehouse.reading() as con:
        found = list(
            findings(con, [*WITH_LINES, "OpportunityStage", "LeadStatus"], lines=LINES, quota_share=0.8, now=START)
        )
    (one,) = [each for each in found if (each.object, each.check) == (name, check)]
    return one


def test_a_capture_without_trouble_passes_every_check(salesforce: World) -> None:
    salesforce.an_opportunity()
    salesforce.capture(WITH_LINES, sweep=tuple(WITH_LINES))

    with salesforce.warehouse.reading() as con:
        found = list(findings(con, [*WITH_LINES, "Lead"], lines=LINES, quota_share=0.8, now=START))

    assert [each for each in found if not each.passed] == []
    assert {each.object for each in found} == {*WITH_LINES, "Lead"}, "an object that was never captured passes too"


def test_a_lost_permission_is_told_with_its_size_and_marks_nothing(salesforce: World) -> None:
    for number in range(120):
        salesforce.an_opportunity(Name=str(number))
    salesforce.capture()
    salesforce.org.share("Opportunity", 0.0)

    salesforce.capture(sweep=("Opportunity",))

    lost = finding(salesforce, "ids_plausible")
    assert (lost.passed, lost.is_grave) == (False, True)
    assert lost.text.startswith("120 of 120 records of Opportunity are no longer visible: a permission was probably")
    assert finding(salesforce, "gone_unproven").passed

    salesforce.org.share("Opportunity", 1.0)
    salesforce.capture(sweep=("Opportunity",))
    assert finding(salesforce, "ids_plausible").passed


def test_a_record_that_is_missing_without_a_proof_is_counted_until_it_is_back(salesforce: World) -> None:
    deal = salesforce.an_opportunity()
    salesforce.capture()
    salesforce.org.unshare(deal)
    salesforce.capture(sweep=("Opportunity",))

    gone = finding(salesforce, "gone_unproven")
    assert (gone.passed, gone.is_grave) == (False, False)
    assert gone.text.startswith("1 records of Opportunity are missing in Salesforce")


def test_an_amount_that_is_not_the_sum_of_its_lines_is_named(salesforce: World) -> None:
    deal = salesforce.an_opportunity()
    salesforce.capture(WITH_LINES)
    with salesforce.warehouse.transaction() as con:
        con.execute('update raw."Opportunity" set "HasOpportunityLineItem" = true')

    differing = finding(salesforce, "lines_add_up")

    assert (differing.passed, differing.is_grave) == (False, False)
    assert deal in differing.text


@pytest.mark.parametrize(("cursor", "is_honest"), [("window_until", True), ("window_until + interval 1 minute", False)])
def test_a_cursor_ahead_of_what_was_read_stops_the_run(salesforce: World, cursor: str, is_honest: bool) -> None:
    salesforce.capture()
    with salesforce.warehouse.transaction() as con:
        con.execute(
            f"update audit.extraction set cursor = {cursor} where object = 'Opportunity' and cursor > '2000-01-01'"
        )

    told = finding(salesforce, "cursor_is_honest")

    assert (told.passed, told.is_grave) == (is_honest, True)


def test_a_cursor_that_runs_back_stops_the_run(salesforce: World) -> None:
    salesforce.capture()
    salesforce.capture()
    with salesforce.warehouse.transaction() as con:
        con.execute(
            "update audit.extraction set cursor = '2001-01-01' where object = 'Opportunity' "
            "and extraction_id = (select max(extraction_id) from audit.extraction where object = 'Opportunity')"
        )

    assert not finding(salesforce, "cursor_is_honest").passed


STAGES = {"OpportunityStage": ("ApiName", "MasterLabel", "IsActive")}


def changed_stages(world: World, **fields: Value) -> str:
    """What the check says after one stage was edited in Setup."""
    table = world.org.table("OpportunityStage")
    stage = next(row for row in table if row["ApiName"] == "Closed Won")
    if fields:
        stamp = moment_text(world.clock.now())
        table.put(stage | {"SystemModstamp": stamp} | fields)
    else:
        table.remove(str(stage["Id"]))
    world.capture(STAGES, sweep=("OpportunityStage",))
    told = finding(world, "values_known", "OpportunityStage")
    assert (told.passed, told.is_grave) == (False, False)
    return told.text.split(". ")[0]


def test_a_stage_that_is_renamed_is_told_with_its_old_and_new_name(salesforce: World) -> None:
    salesforce.capture(STAGES)
    assert finding(salesforce, "values_known", "OpportunityStage").passed

    salesforce.org.apply(
        {"op": "rename_value", "sobject": "Opportunity", "fields": {"StageName": ["Closed Won", "Won"]}}
    )
    salesforce.capture(STAGES, sweep=("OpportunityStage",))

    told = finding(salesforce, "values_known", "OpportunityStage")
    assert not told.passed
    assert told.text.startswith("'Closed Won' is 'Won' now. ")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"MasterLabel": "Won"}, "'Closed Won' was shown as 'Closed Won' and is shown as 'Won' now"),
        ({"IsActive": False}, "'Closed Won' is switched off"),
        ({}, "'Closed Won' is gone"),
    ],
)
def test_a_stage_that_is_shown_otherwise_switched_off_or_gone_is_told(
    salesforce: World, fields: dict[str, Value], said: str
) -> None:
    salesforce.capture(STAGES)
    salesforce.advance(hours=1)

    assert changed_stages(salesforce, **fields) == said


def test_a_new_status_is_told(salesforce: World) -> None:
    wanted = {"LeadStatus": ("ApiName", "MasterLabel")}
    salesforce.capture(wanted)
    salesforce.advance(hours=1)
    table = salesforce.org.table("LeadStatus")
    stamp = moment_text(salesforce.clock.now())
    new = {"Id": "01Qam0000000zzzAAA", "ApiName": "Qualified", "MasterLabel": "Qualified"}
    table.put(next(iter(table)) | new | {"SystemModstamp": stamp, "CreatedDate": stamp})

    salesforce.capture(wanted)

    assert finding(salesforce, "values_known", "LeadStatus").text.startswith("'Qualified' is new. ")
