"""A formula field moves no stamp: who wants its changes has to read the object in full now and then."""

import pytest

from impact_pipeline.capture.cycle import CycleReport, capture_objects
from impact_pipeline.config.errors import ConfigError
from impact_pipeline.simulator.salesforce.schema import Field
from impact_pipeline_tests.capture.world import World


def capture(world: World, *, compared: frozenset[str], reread: tuple[str, ...] = ()) -> CycleReport:
    world.advance(minutes=30)
    return capture_objects(
        world.warehouse,
        world.client(),
        {"Lead": ("Status", "Score__c")},
        compared={"Lead": compared},
        reread=reread,
        run_id="run",
        staging=world.staging,
        clock=world.clock.now,
        account_sid="sid",
        campaign_id="4711",
    )


def test_a_watched_formula_without_full_rereads_is_refused_before_anything_is_read(salesforce: World) -> None:
    """Case A20: nobody would ever see it change."""
    salesforce.org.add_field(
        "Lead", Field(name="Score__c", type="string", length=10, calculated=True, formula="CASE(...)")
    )

    with pytest.raises(ConfigError) as refused:
        capture(salesforce, compared=frozenset({"Status", "Score__c"}))

    (problem,) = refused.value.problems
    assert (problem.key, problem.value) == ("full_reread", "Score__c")
    assert "0 3 * * *" in problem.remedy
    assert salesforce.requests.get("query", 0) <= 1
    assert salesforce.value("select count(*) from audit.extraction") == 0


def test_a_full_reading_brings_what_a_formula_came_to(salesforce: World) -> None:
    """Case A21: the stamp did not move, the value did."""
    salesforce.org.add_field(
        "Lead", Field(name="Score__c", type="string", length=10, calculated=True, formula="CASE(...)")
    )
    lead = salesforce.edit("create", "Lead", LastName="Alexander", Company="Hatfan", Status="Open")
    capture(salesforce, compared=frozenset({"Status"}))
    table = salesforce.org.table("Lead")
    table.put(table.rows[lead] | {"Score__c": "hot"})

    capture(salesforce, compared=frozenset({"Status"}))
    assert salesforce.value('select "Score__c" from raw."Lead"') is None
    capture(salesforce, compared=frozenset({"Status"}), reread=("Lead",))

    assert salesforce.value('select "Score__c" from raw."Lead"') == "hot"


def test_a_roll_up_summary_may_be_watched(salesforce: World) -> None:
    """It is calculated, but by no formula: Salesforce writes the parent, and its stamp moves."""
    salesforce.org.add_field("Lead", Field(name="Score__c", type="double", precision=18, calculated=True))

    capture(salesforce, compared=frozenset({"Score__c"}))

    assert salesforce.value("select is_calculated from raw._field where field = 'Score__c'") is False
