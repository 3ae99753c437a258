"""Counts per day and a sample, there and here: what the cycle missed, and what only time explains."""

import pytest

from impact_pipeline.capture.complete import Completeness, compare
from impact_pipeline_tests.capture.world import WANTED, World


def found(world: World) -> Completeness:
    result = compare(world.warehouse, world.client(), "Opportunity")
    assert result is not None
    return result


def captured(world: World, count: int = 5) -> list[str]:
    """Records of several days, all captured."""
    ids = []
    for number in range(count):
        ids.append(world.an_opportunity(Name=str(number)))
        world.advance(days=1)
    world.capture(WANTED)
    world.advance(hours=1)
    world.capture(WANTED)
    return ids


def test_what_was_captured_is_complete_and_costs_three_requests(salesforce: World) -> None:
    captured(salesforce)

    result = found(salesforce)

    assert result.is_complete
    assert (result.there, result.here, result.sampled) == (5, 5, 5)
    assert result.api_calls == 3
    assert result.text.endswith("5 compared by stamp: complete.")


def test_a_record_that_is_missing_here_is_named(salesforce: World) -> None:
    ids = captured(salesforce)
    with salesforce.warehouse.transaction() as con:
        con.execute('delete from raw."Opportunity" where "Id" = ?', [ids[2]])

    result = found(salesforce)

    assert (result.missing, result.gone, result.stale, result.is_grave) == ((ids[2],), (), (), True)
    assert [day[1:] for day in result.days] == [(1, 0)]
    assert result.api_calls == 4, "one more for the day that differs"
    assert f"1 missing here ({ids[2]})" in result.text
    assert "impact-pipeline reread Opportunity --sweep" in result.text


def test_a_record_that_vanished_without_a_trace_is_named(salesforce: World) -> None:
    ids = captured(salesforce)
    salesforce.org.unshare(ids[1])

    result = found(salesforce)

    assert (result.missing, result.gone, result.is_grave) == ((), (ids[1],), True)


def test_a_version_that_was_missed_is_found_in_the_sample(salesforce: World) -> None:
    ids = captured(salesforce)
    with salesforce.warehouse.transaction() as con:
        con.execute(
            'update raw."Opportunity" set "SystemModstamp" = "CreatedDate" - interval 1 hour where "Id" = ?', [ids[3]]
        )

    result = found(salesforce)

    assert (result.stale, result.days, result.is_grave) == ((ids[3],), (), True)


@pytest.mark.parametrize("hard", [False, True])
def test_what_changed_since_the_newest_cycle_is_explained(salesforce: World, hard: bool) -> None:
    ids = captured(salesforce)
    salesforce.advance(minutes=5)
    salesforce.edit("delete", "Opportunity", ids[0])
    if hard:
        salesforce.edit("hard_delete", "Opportunity", ids[0])
    salesforce.edit("update", "Opportunity", ids[1], Name="edited")
    salesforce.an_opportunity(Name="new")
    salesforce.advance(minutes=5)

    result = found(salesforce)

    assert (result.missing, result.gone, result.stale) == ((), (), ())
    assert (result.explained, result.is_complete, result.is_grave) == (2, False, False)
    assert "2 changed since the newest cycle, and the next one reads them" in result.text
    salesforce.capture(WANTED)
    salesforce.advance(hours=1)
    salesforce.capture(WANTED)
    assert found(salesforce).is_complete


def test_a_lost_permission_looks_at_some_days_only(salesforce: World) -> None:
    captured(salesforce, count=14)
    salesforce.org.share("Opportunity", 0.0)

    result = found(salesforce)

    assert (result.there, result.here, len(result.days), result.is_grave) == (0, 14, 14, True)
    assert "14 days differ, of which 10 were looked at" in result.text


def test_an_object_whose_first_load_has_not_ended_is_left_alone(salesforce: World) -> None:
    assert compare(salesforce.warehouse, salesforce.client(), "Opportunity") is None


def test_years_of_days_take_several_queries(salesforce: World) -> None:
    """A query that groups shows 2,000 groups and can't be paged."""
    salesforce.an_opportunity(Name="old")
    salesforce.advance(days=4000)
    captured(salesforce, count=2)

    result = found(salesforce)

    assert (result.there, result.here, result.api_calls) == (3, 3, 5)
    assert result.is_complete
